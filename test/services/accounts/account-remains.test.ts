import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import mongoose from 'mongoose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import { type Collections, collectionsOf } from '../../../src/models/collections.ts';
import { removeUnusedAvatars } from '../../../src/services/accounts/account-remains.ts';
import { AvatarService } from '../../../src/services/accounts/avatars.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { plain } from '../../support/avatars.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { Mortal } from '../../support/mortal.ts';
import { put, uploadNode } from '../../support/nodes/upload-node.ts';

const WRITES = [
  'insertOne',
  'insertMany',
  'updateOne',
  'updateMany',
  'findOneAndUpdate',
  'deleteOne',
  'deleteMany',
];
const OWNED = ['sessions', 'apiKeys', 'outbox', 'avatars', 'files', 'users'] as const;
const NEVER = new AbortController().signal;

let database: TestDatabase;
let folder: string;
let store: BlobStore;
let picture: Buffer;

beforeAll(async () => {
  database = await openTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-remains-'));
  store = await openLocalStore({ UPLOAD_PATH: folder });
  picture = await plain(8, 8).png().toBuffer();
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

let made = 0;

/** An account with something in every place where accounts keep anything. */
async function furnished(): Promise<Viewer> {
  made += 1;
  const { users, sessions, apiKeys, outbox } = database.collections;
  const names = { username: `user_${made}`, email: `user_${made}@example.org`, password: 'x' };
  const user = await users.create({ ...names, quotaBytes: null });
  const userId = user._id;
  const sessionId = new mongoose.Types.ObjectId();
  const viewer: Viewer = { userId, sessionId, role: user.role, isEmailVerified: false };
  const node = uploadNode(database, store);
  for (const content of ['a', 'b']) await put(node, viewer, `${content}${made}`);
  await node.uploads.idle();
  await new AvatarService(database.collections, () => '').update(viewer, incoming(), NEVER);
  await sessions.collection.insertOne({ userId, family: `f${made}` } as never);
  await apiKeys.collection.insertOne({ userId, tokenHash: `t${made}` } as never);
  await outbox.collection.insertOne({ userId, to: names.email } as never);
  return viewer;
}

const incoming = () => ({
  open: async () => ({ filename: 'a.png', mimeType: 'image/png', stream: Readable.from([picture]) }),
});

/** What there is of each kind. */
async function held(): Promise<Record<string, number>> {
  const counts = OWNED.map(
    async (name) => [name, await database.collections[name].countDocuments()] as const,
  );
  return Object.fromEntries(await Promise.all(counts));
}

const end = ({ userId }: Viewer) =>
  database.collections.users.updateOne({ _id: userId }, { isActive: false, deletedAt: new Date(1_000) });
const nothing = Object.fromEntries(OWNED.map((name) => [name, 0]));

/** The same database as another process sees it, whose writes are steps. */
async function asProcess<T>(mortal: Mortal, work: (collections: Collections) => Promise<T>): Promise<void> {
  const connection = await mongoose.createConnection(database.uri).asPromise();
  const collections = collectionsOf(connection);
  for (const name of [...OWNED, 'blobs'] as const) mortal.seize(collections[name].collection, WRITES);
  await work(collections).catch(() => undefined);
  await connection.close();
}

test.each(['before', 'after'] as const)(
  'a removal of a deleted account that is killed at any step, %s its effect, is finished by the next',
  { timeout: 120_000 },
  async (when) => {
    let step = 0;
    for (let lived = false; !lived; ) {
      step += 1;
      await end(await furnished());
      const mortal = new Mortal(step, when);
      await asProcess(mortal, async (collections) => {
        const dying = uploadNode({ ...database, collections }, store);
        await dying.sweep.step('accounts');
      });
      lived = !mortal.isDead;
      await uploadNode(database, store).sweep.run();
      expect(await held(), `killed at step ${step}`).toEqual(nothing);
    }
    expect(step).toBeGreaterThan(8);
  },
);

test.each(['update', 'remove'] as const)(
  'to %s an image, killed at any step, leaves the one that is shown, and nothing else once that is old',
  { timeout: 120_000 },
  async (what) => {
    for (const when of ['before', 'after'] as const) {
      let step = 0;
      for (let lived = false; !lived; ) {
        step += 1;
        const viewer = await furnished();
        const mortal = new Mortal(step, when);
        await asProcess(mortal, async (collections) => {
          const dying = new AvatarService(collections, () => '');
          if (what === 'update') await dying.update(viewer, incoming(), NEVER);
          else await dying.remove(viewer);
        });
        lived = !mortal.isDead;
        const { avatars, users } = database.collections;
        const tomorrow = new Date(Date.now() + 86_400_000);
        await removeUnusedAvatars(database.collections, tomorrow, NEVER);
        const user = await users.findById(viewer.userId).orFail().lean();
        const left = await avatars.find({ userId: viewer.userId }, { version: 1, unusedAfter: 1 }).lean();
        const shown = user.avatarVersion ? [user.avatarVersion] : [];
        expect(
          left.map(({ version }) => version),
          `${when} step ${step}`,
        ).toEqual(shown);
        expect(left.filter(({ unusedAfter }) => unusedAfter)).toEqual([]);
      }
      expect(step).toBeGreaterThan(2);
    }
  },
);

test('an image whose account was removed meanwhile does not stay', async () => {
  const viewer = await furnished();
  const { avatars, users } = database.collections;
  await users.deleteOne({ _id: viewer.userId });
  const service = new AvatarService(database.collections, () => '');
  await expect(service.update(viewer, incoming(), NEVER)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(await avatars.countDocuments({ userId: viewer.userId, unusedAfter: null })).toBe(0);
  await removeUnusedAvatars(database.collections, new Date(Date.now() + 86_400_000), NEVER);
  expect(await avatars.countDocuments({ userId: viewer.userId })).toBe(0);
});
