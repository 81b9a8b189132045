import type { LinkAccess } from './link-access.ts';
import type { LinkArchives } from './link-archives.ts';
import type { LinkContents } from './link-contents.ts';
import type { LinkListing } from './link-listing.ts';
import type { LinkProofs } from './link-proofs.ts';
import type { LinkVisits } from './link-visits.ts';
import type { ShareLinks } from './share-links.ts';

/** What is done with share links: by those who make them, and by those who open them. */
export interface Sharing {
  readonly links: ShareLinks;
  readonly listing: LinkListing;
  readonly access: LinkAccess;
  readonly visits: LinkVisits;
  readonly contents: LinkContents;
  readonly archives: LinkArchives;
  readonly proofs: LinkProofs;
}
