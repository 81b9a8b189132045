import { Signer } from '../../auth/signatures.ts';
import {
  AccountAdministration,
  type AdministrationParts,
} from '../../services/admin/account-administration.ts';
import { AccountListing } from '../../services/admin/account-listing.ts';
import { AuditListing } from '../../services/admin/audit-listing.ts';
import { StorageReports } from '../../services/admin/storage-report.ts';
import { SignedCursors } from '../../services/signed-cursors.ts';
import type { AuditedParts } from './parts.ts';

/** Wires what administrators do. */
export function createAdmin(
  { collections, secrets, audit }: AuditedParts,
  accounts: Pick<AdministrationParts, 'accounts' | 'sessions' | 'administrators'>,
) {
  const cursors = new SignedCursors(new Signer(secrets, 'cursors of administrators'));
  const { users, auditEvents } = collections;
  return {
    administration: new AccountAdministration({ ...accounts, users, audit }),
    accountListing: new AccountListing(users, cursors),
    auditListing: new AuditListing(auditEvents, cursors),
    storageReports: new StorageReports(collections),
  };
}
