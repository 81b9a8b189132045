import { afterAll, beforeAll, expect, test } from 'vitest';
import { Passwords } from '../../../src/auth/passwords.ts';
import { Signer } from '../../../src/auth/signatures.ts';
import { Permission, ShareKind } from '../../../src/models/grant.ts';
import { FolderTree } from '../../../src/services/folders/folder-tree.ts';
import { NO_LIMITS } from '../../../src/services/limits/rate-limits.ts';
import { LinkAccess } from '../../../src/services/sharing/links/link-access.ts';
import { LinkPasswords } from '../../../src/services/sharing/links/link-passwords.ts';
import { LinkProofs } from '../../../src/services/sharing/links/link-proofs.ts';
import { newLinkToken } from '../../../src/services/sharing/links/link-tokens.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { SharingStage } from '../../support/nodes/sharing-stage.ts';

let database: TestDatabase;
let stage: SharingStage;
let access: LinkAccess;

beforeAll(async () => {
  database = await openTestDatabase();
  stage = new SharingStage(database);
  access = new LinkAccess({
    ...{ collections: database.collections, access: stage.access },
    tree: new FolderTree(database.collections.folders),
    passwords: new LinkPasswords({
      passwords: new Passwords(),
      limits: NO_LIMITS,
      audit: { record: async () => undefined },
    }),
    proofs: new LinkProofs(new Signer(['a secret'], 'proofs')),
  });
});
afterAll(() => database.close());

test.each(['maker', 'owner'] as const)(
  'a link rests while the account of its %s is shut or was deleted, and its downloads end',
  async (whose) => {
    const [owner, maker] = [await stage.person(), await stage.person()];
    const file = await stage.file(owner);
    await stage.give(owner, file, maker, Permission.MANAGE);
    const { text, tokenHash } = newLinkToken();
    const link = await database.collections.shares.create({
      ...{ userId: owner.userId, createdBy: maker.userId, kind: ShareKind.FILE, target: file._id, tokenHash },
      ...{ allowDownload: true, downloads: 0, opens: 0 },
    });
    const { userId: _id }: Viewer = whose === 'owner' ? owner : maker;
    const set = (changes: object) => database.collections.users.updateOne({ _id }, changes);
    const works = async () => [
      await access.enter({ token: text }).then(
        ({ target }) => target.thing.id,
        ({ code }) => code,
      ),
      await access.stillWorks(link),
    ];
    expect(await works()).toEqual([file.id, true]);
    await set({ isActive: false });
    expect(await works()).toEqual(['GONE', false]);
    await set({ isActive: true });
    expect(await works()).toEqual([file.id, true]);
    await set({ isActive: false, deletedAt: new Date() });
    expect(await works()).toEqual(['GONE', false]);
  },
);
