import type { Wired } from '../../../src/app/services.ts';
import type { Collections } from '../../../src/models/collections.ts';
import { Permission, ShareKind } from '../../../src/models/grant.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { Role } from '../../../src/models/user.ts';
import { removeRemains } from '../../../src/services/accounts/account-remains.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { fileOf, insert } from '../listed-files.ts';

/** Makes every query that sharing with people makes, and what an account’s end makes of it. */
export async function askGrants(
  { services }: Wired,
  collections: Collections,
  viewer: Viewer,
): Promise<void> {
  const { grants, grantListing, access } = services;
  const names = { username: 'grantee', email: 'grantee@example.org', password: 'x', isEmailVerified: true };
  const { _id: userId } = await collections.users.create({ ...names, quotaBytes: null });
  const friend: Viewer = { userId, sessionId: new ObjectId(), role: Role.USER, isEmailVerified: true };
  const facts = { userId: viewer.userId, nameKey: 'shared', name: 'shared', isDeleted: false };
  const folder = await collections.folders.create({ ...facts, parent: null });
  const file = { ...fileOf(viewer.userId, 'shared.txt', { folder: folder._id }), id: '' };
  file.id = file._id.toHexString();
  await insert(collections, [file]);
  const permission = Permission.MANAGE;
  for (const user of ['GRANTEE', 'grantee@example.org'])
    await grants.give(viewer, { fileId: file.id, user, permission });
  await grants.give(viewer, { folderId: folder.id, userId: userId.toHexString(), permission });
  await access.of(userId, file);
  for (const kind of [null, ShareKind.FILE]) {
    const page = await grantListing.sharedWith(friend, kind, { first: 1 });
    const [first] = page.nodes;
    const after = first ? page.cursor(first) : null;
    await grantListing.sharedWith(friend, kind, { first: 1, after });
  }
  const page = await grantListing.on(viewer, file, { first: 1 });
  const [first] = page?.nodes ?? [];
  await grantListing.on(viewer, file, { after: first ? (page?.cursor(first) ?? null) : null });
  await grants.revoke(friend, { fileId: file.id, userId: userId.toHexString() }).catch(() => undefined);
  await grants.revoke(viewer, { fileId: file.id, userId: userId.toHexString() });
  await grants.leave(friend, { folderId: folder.id });
  await removeRemains(collections, userId);
  // What the tests after this one look at has none of it.
  await Promise.all([
    collections.files.deleteOne({ _id: file._id }),
    collections.folders.deleteOne({ _id: folder._id }),
    collections.users.deleteOne({ _id: userId }),
  ]);
}
