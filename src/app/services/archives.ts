import { Signer } from '../../auth/signatures.ts';
import { ArchiveRequests } from '../../services/files/archive-requests.ts';
import { Archives } from '../../services/files/archives.ts';
import type { DownloadService } from '../../services/files/downloads.ts';
import type { Authentication } from '../../services/sessions/authentication.ts';
import { ManyPermissions } from '../../services/sharing/permissions/many-permissions.ts';
import type { AuditedParts } from './parts.ts';

/** Wires archives of many files; `plans` makes one by any right. */
export function createArchives(
  parts: AuditedParts,
  { downloads, authentication }: { downloads: DownloadService; authentication: Authentication },
) {
  const { collections, tree, access, secrets, baseUrl } = parts;
  const plans = new Archives({ collections, tree, downloads });
  const permissions = new ManyPermissions(access);
  const right = { ...parts, permissions, downloads };
  const signer = new Signer(secrets, 'archive links');
  return {
    plans,
    archives: new ArchiveRequests({
      collections,
      authentication,
      archives: plans,
      access,
      right,
      signer,
      baseUrl,
    }),
  };
}
