import { Signer } from '../../../src/auth/signatures.ts';
import { Role } from '../../../src/models/user.ts';
import { AccountWatch } from '../../../src/services/accounts/account-watch.ts';
import { AccountAdministration } from '../../../src/services/admin/account-administration.ts';
import { AccountListing } from '../../../src/services/admin/account-listing.ts';
import { AuditListing } from '../../../src/services/admin/audit-listing.ts';
import { SignedCursors } from '../../../src/services/signed-cursors.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { accountServices, CLIENT, newAccount, PASSWORD } from '../accounts.ts';
import type { TestDatabase } from '../database.ts';

/** One node’s services about accounts and those who administer them. */
export function adminNode({ collections }: TestDatabase) {
  const node = accountServices(collections);
  const { users, auditEvents } = collections;
  const cursors = new SignedCursors(new Signer(['a secret'], 'cursors'));
  return {
    ...node,
    watch: new AccountWatch(collections),
    administration: new AccountAdministration({ ...node, users }),
    accountListing: new AccountListing(users, cursors),
    auditListing: new AuditListing(auditEvents, cursors),
    /** A new account with this role, logged in. */
    async member(role = Role.USER): Promise<Viewer> {
      const input = newAccount();
      if (role === Role.ADMIN) await node.appointments.createAdmin(input);
      else await node.accounts.register(input, CLIENT);
      const login = { emailOrUsername: input.username, password: PASSWORD };
      return node.viewerOf(await node.accounts.login(login, CLIENT));
    },
  };
}

/** As `adminNode` makes it. */
export type AdminNode = ReturnType<typeof adminNode>;
