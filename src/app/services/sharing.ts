import { Signer } from '../../auth/signatures.ts';
import { GrantListing } from '../../services/sharing/people/grant-listing.ts';
import { GrantService } from '../../services/sharing/people/grants.ts';
import { SignedCursors } from '../../services/signed-cursors.ts';
import type { AuditedParts } from './parts.ts';

/** Wires how people share with people. */
export function createGrants(parts: AuditedParts) {
  const { config, collections, access, secrets } = parts;
  const cursors = new SignedCursors(new Signer(secrets, 'cursors of grants'));
  return {
    access,
    grants: new GrantService({ ...parts, needsVerifiedEmail: config.REQUIRE_VERIFIED_EMAIL }),
    grantListing: new GrantListing(collections, access, cursors),
  };
}
