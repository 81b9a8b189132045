import { Signer } from '../../auth/signatures.ts';
import { AvatarService } from '../../services/accounts/avatars.ts';
import { DataExports } from '../../services/accounts/data-export.ts';
import type { LinkService } from '../../services/files/links.ts';
import type { AuditedParts } from './parts.ts';

/** Wires what accounts show of themselves, and what is handed to them of what is held. */
export function createOwnData(parts: AuditedParts, links: LinkService) {
  const { collections, secrets, baseUrl, limits, audit, watch } = parts;
  const avatars = new AvatarService(collections, baseUrl);
  const signer = new Signer(secrets, 'exports');
  return {
    avatars,
    dataExports: new DataExports({
      collections,
      links,
      avatars,
      signer,
      baseUrl,
      limits,
      audit,
      watch,
    }),
  };
}
