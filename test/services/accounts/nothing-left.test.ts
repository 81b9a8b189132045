import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Collections } from '../../../src/models/collections.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { fileOf } from '../../support/listed-files.ts';
import { folderOf } from '../../support/nodes/folder-node.ts';
import { type IndexSite, openIndexSite } from '../../support/queries/index-site.ts';

const AT = new Date(Date.now() + 24 * 3_600_000);
const someone = () => new ObjectId();
const token = () => ({ tokenHash: someone().toHexString() });
const version = () => ({
  _id: someone(),
  blob: someone(),
  fileSize: 1,
  mimeType: 'text/plain',
  fileHash: '',
});
const delivery = () => ({ webhook: someone(), event: null, payload: '', status: 'DELIVERED', tries: 1 });
const request = () => ({ ...token(), folder: someone(), files: 0, allowedTypes: [], createdAt: AT });
const link = () => ({ ...token(), kind: 'FILE', target: someone(), opens: 0, downloads: 0 });
const grant = () => ({ kind: 'FILE', target: someone(), permission: 'VIEW', createdAt: AT });

/** What a collection may hold of an account: what an export tells of it by its id, and what not. */
interface Held {
  readonly told: readonly object[];
  readonly untold: readonly object[];
}
const held = (told: object[], untold: object[] = []): Held => ({ told, untold });

/** Of every collection; null for those whose documents name no account. A new one has to be thought of here. */
const HELD_OF: Record<keyof Collections, ((userId: ObjectId) => Held) | null> = {
  // Made by registering.
  users: () => held([]),
  outbox: () => held([]),
  sessions: (userId) => held([{ userId, family: 'f', lastUsedAt: AT }]),
  apiKeys: (userId) => held([{ userId, ...token(), name: 'k', prefix: 'p', scopes: [] }]),
  avatars: (userId) => held([], [{ userId, version: 'v' }]),
  files: (userId) =>
    held(
      [
        fileOf(userId, 'live', { versions: [version() as never] }),
        fileOf(userId, 'trashed', { isDeleted: true, deletedAt: AT }),
      ],
      [{ ...fileOf(userId, 'infected'), uploadStatus: 'FAILED', quarantinedAt: AT }],
    ),
  folders: (userId) => {
    const old = folderOf(userId, 'old');
    return held([
      folderOf(userId, 'live'),
      { ...old, isDeleted: true, isTrashRoot: true, trashedWith: old._id },
    ]);
  },
  grants: (userId) =>
    held(
      [
        { ...grant(), userId: someone(), grantedBy: userId, grantee: someone() },
        { ...grant(), userId: someone(), grantedBy: someone(), grantee: userId },
      ],
      // Of those who manage its things, as of whoever looks at them.
      [{ ...grant(), userId, grantedBy: someone(), grantee: someone() }],
    ),
  shares: (userId) =>
    held(
      [{ ...link(), userId: someone(), createdBy: userId }],
      [{ ...link(), userId, createdBy: someone() }],
    ),
  uploadRequests: (userId) =>
    held(
      [{ ...request(), userId: someone(), createdBy: userId }],
      [{ ...request(), userId, createdBy: someone() }],
    ),
  uploadStates: (userId) =>
    held([], [{ userId, clientUploadId: 'name', file: someone(), phase: 'STORED', expiresAt: AT }]),
  webhooks: (userId) => held([{ userId, url: 'https://x', secret: 's', events: [], isActive: true }]),
  webhookDeliveries: (userId) => held([{ userId, ...delivery(), createdAt: AT }]),
  // Kept for as long as the audit trail is, whoever it tells of.
  auditEvents: null,
  blobs: null,
  jobs: null,
  leases: null,
  linkDeliveries: null,
  rateCounts: null,
};
const KEPT = ['auditevents'];

let site: IndexSite;
/** The ids of what an export has to tell, with where it is. */
const tellable: { name: string; id: string }[] = [];
const names = Object.keys(HELD_OF) as (keyof Collections)[];

beforeAll(async () => {
  site = await openIndexSite({ files: 0 });
  const { collections } = site.database;
  for (const name of names) {
    const { told = [], untold = [] } = HELD_OF[name]?.(site.viewer.userId) ?? {};
    const all = [...told, ...untold];
    if (all.length > 0) await collections[name].collection.insertMany(all as never);
    // The driver gave them their ids.
    for (const { _id } of told as { _id?: ObjectId }[]) tellable.push({ name, id: String(_id) });
  }
});
afterAll(() => site.close());

/** The collections of the database, those of no model too, that name the account anywhere, each with how many documents do. */
async function naming(): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  const id = site.viewer.userId.toHexString();
  for (const collection of (await site.database.connection.db?.collections()) ?? []) {
    const documents = await collection.find().toArray();
    const count = documents.filter((document) => JSON.stringify(document).includes(id)).length;
    if (count > 0) found[collection.collectionName] = count;
  }
  return found;
}

test('an export names every document that is held of the account, in whatever collection, and an end leaves none of them', async () => {
  const { collections } = site.database;
  const before = await naming();
  const owned = names.filter((name) => HELD_OF[name]).map((name) => collections[name].collection.name);
  expect(Object.keys(before)).toEqual(expect.arrayContaining(owned));

  const { dataExports, accounts } = site.wired.services;
  const { userId } = site.viewer;
  const { searchParams } = new URL((await dataExports.link(site.viewer)).url, 'http://node.test');
  const { text } = await dataExports.open(String(userId), Object.fromEntries(searchParams));
  const told = (await text.toArray()).join('');
  expect(JSON.parse(told).isComplete).toBe(true);
  for (const { name, id } of tellable) expect(told, name).toContain(id);

  await accounts.deleteAccount(site.viewer, 'correct horse');
  await site.wired.sweeping.stop();
  await site.wired.sweep.run();
  expect(Object.keys(await naming()).filter((name) => !KEPT.includes(name))).toEqual([]);
});
