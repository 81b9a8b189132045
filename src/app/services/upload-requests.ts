import { Signer } from '../../auth/signatures.ts';
import { LinkPasswords } from '../../services/sharing/links/link-passwords.ts';
import { LinkProofs } from '../../services/sharing/links/link-proofs.ts';
import { RequestAccess } from '../../services/sharing/requests/request-access.ts';
import { RequestDrops } from '../../services/sharing/requests/request-drops.ts';
import { RequestPlaces } from '../../services/sharing/requests/request-places.ts';
import { UploadRequests } from '../../services/sharing/requests/upload-requests.ts';
import { SignedCursors } from '../../services/signed-cursors.ts';
import type { UploadService } from '../../services/uploads/uploads.ts';
import type { AuditedParts } from './parts.ts';

/** Wires upload requests: how they are made, and what comes through them. */
export function createUploadRequests(parts: AuditedParts, uploads: UploadService) {
  const { config, secrets, accessWatch } = parts;
  const proofs = new LinkProofs(new Signer(secrets, 'upload request proofs'));
  const requestAccess = new RequestAccess({ ...parts, passwords: new LinkPasswords(parts), proofs });
  return {
    uploadRequests: new UploadRequests({
      ...parts,
      watch: accessWatch,
      cursors: new SignedCursors(new Signer(secrets, 'upload request cursors')),
      needsVerifiedEmail: config.REQUIRE_VERIFIED_EMAIL,
    }),
    requests: {
      requestAccess,
      drops: new RequestDrops({
        ...parts,
        access: requestAccess,
        places: new RequestPlaces(parts.collections),
        uploads,
      }),
    },
  };
}
