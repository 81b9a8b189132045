import { Signer } from '../../auth/signatures.ts';
import type { AuditListing } from '../../services/admin/audit-listing.ts';
import type { Archives } from '../../services/files/archives.ts';
import type { DownloadService } from '../../services/files/downloads.ts';
import { LinkAccess } from '../../services/sharing/links/link-access.ts';
import { LinkArchives } from '../../services/sharing/links/link-archives.ts';
import { LinkContents } from '../../services/sharing/links/link-contents.ts';
import { LinkDeliveries } from '../../services/sharing/links/link-deliveries.ts';
import { LinkFolders } from '../../services/sharing/links/link-folders.ts';
import { LinkListing } from '../../services/sharing/links/link-listing.ts';
import { LinkNotes } from '../../services/sharing/links/link-notes.ts';
import { LinkPasswords } from '../../services/sharing/links/link-passwords.ts';
import { LinkProofs } from '../../services/sharing/links/link-proofs.ts';
import { LinkVisitors } from '../../services/sharing/links/link-visitors.ts';
import { LinkVisits } from '../../services/sharing/links/link-visits.ts';
import { ShareLinks } from '../../services/sharing/links/share-links.ts';
import type { Sharing } from '../../services/sharing/links/sharing.ts';
import { ManyPermissions } from '../../services/sharing/permissions/many-permissions.ts';
import { SignedCursors } from '../../services/signed-cursors.ts';
import type { AuditedParts } from './parts.ts';

/** Wires share links. */
export function createSharing(
  parts: AuditedParts,
  needs: { downloads: DownloadService; auditListing: AuditListing; plans: Archives },
): Sharing {
  const { config, collections, secrets, limits, audit, baseUrl, passwords, tree } = parts;
  const cursors = new SignedCursors(new Signer(secrets, 'share cursors'));
  const proofs = new LinkProofs(new Signer(secrets, 'share proofs'));
  const notes = new LinkNotes(collections.shares, audit);
  const access = new LinkAccess({ ...parts, passwords: new LinkPasswords(parts), proofs });
  const contents = new LinkContents({
    collections,
    access,
    tree,
    downloads: needs.downloads,
    deliveries: new LinkDeliveries(collections),
    visitors: new LinkVisitors(new Signer(secrets, 'share visitors')),
    notes,
    watch: parts.accessWatch,
  });
  const many = new ManyPermissions(parts.access);
  const folders = new LinkFolders(collections, tree, cursors);
  return {
    links: new ShareLinks({
      ...{ collections, access: parts.access, many, passwords, limits, audit, events: parts.events },
      ...{ watch: parts.accessWatch, baseUrl, needsVerifiedEmail: config.REQUIRE_VERIFIED_EMAIL },
    }),
    listing: new LinkListing(collections, many, cursors, needs.auditListing),
    access,
    visits: new LinkVisits({ access, contents, folders, notes, proofs, baseUrl }),
    contents,
    archives: new LinkArchives({ archives: needs.plans, folders, contents, access }),
    proofs,
  };
}
