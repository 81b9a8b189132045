import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import { collectionsOf } from '../../../src/models/collections.ts';
import { LISTED } from '../../../src/models/file.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { Mortal } from '../../support/mortal.ts';
import { put, uploadNode } from '../../support/nodes/upload-node.ts';
import { miscounts, versionsOn } from '../../support/nodes/version-node.ts';

const STORE_STEPS = ['put', 'open', 'stat', 'delete'];
const WRITES = ['insertMany', 'updateOne', 'updateMany', 'findOneAndUpdate', 'deleteOne', 'bulkWrite'];
const KEPT = 2;

let database: TestDatabase;
let folder: string;
let store: BlobStore;
let viewer: Viewer;

beforeAll(async () => {
  database = await openTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-version-crashes-'));
  store = await openLocalStore({ UPLOAD_PATH: folder });
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

const healthy = () => versionsOn(uploadNode(database, store), database, KEPT);
type Node = ReturnType<typeof healthy>;

interface Story {
  /** The contents that the file is given before. */
  readonly begin: readonly string[];
  /** What the process does to the file until it dies. */
  work(node: Node, file: { id: string }): Promise<unknown>;
  /** The contents that the file may have at the end, the present one first, then its versions. */
  readonly ends: readonly string[];
  readonly steps: number;
}

const versionOf = async (node: Node, file: { id: string }, at: number) =>
  (await node.reader.ofFiles([file.id]))[0]?.[at]?.id ?? '';

const STORIES: Record<string, Story> = {
  'an upload over a file': {
    begin: ['one'],
    work: (node, file) => node.over(viewer, file, 'another'),
    ends: ['one', 'another,one'],
    steps: 9,
  },
  'an upload over a file, of a content that is there already': {
    begin: ['one', 'another'],
    work: (node, file) => node.over(viewer, file, 'one'),
    ends: ['another,one', 'one,another,one'],
    steps: 9,
  },
  'an upload that leaves no room for the oldest version': {
    begin: ['one', 'two!', 'three'],
    work: (node, file) => node.over(viewer, file, 'another'),
    ends: ['three,two!,one', 'another,three,two!'],
    steps: 14,
  },
  'an upload of what the file has already': {
    begin: ['one'],
    work: (node, file) => node.over(viewer, file, 'one'),
    ends: ['one'],
    steps: 8,
  },
  'a return to a version': {
    begin: ['one', 'two!'],
    work: async (node, file) => node.versions.restore(viewer, file.id, await versionOf(node, file, 0)),
    ends: ['two!,one', 'one,two!'],
    steps: 3,
  },
  'the removal of a version': {
    begin: ['one', 'two!', 'three'],
    work: async (node, file) => node.versions.remove(viewer, file.id, await versionOf(node, file, 1)),
    ends: ['three,two!,one', 'three,two!'],
    steps: 6,
  },
  'the removal of a file with versions': {
    begin: ['one', 'two!', 'one'],
    work: (node, file) => node.service.remove(viewer, file.id),
    ends: ['one,two!,one', ''],
    steps: 14,
  },
  'a copy': {
    begin: ['one', 'two!'],
    work: (node, file) => node.copies.copy(viewer, file.id, {}),
    ends: ['two!,one', 'two!,one two!'],
    steps: 5,
  },
};

async function livesThrough({ work }: Story, file: { id: string }, mortal: Mortal): Promise<boolean> {
  const connection = await mongoose.createConnection(database.uri).asPromise();
  const collections = collectionsOf(connection);
  for (const { collection } of [collections.blobs, collections.files, collections.users]) {
    mortal.seize(collection, WRITES);
  }
  const dying = { ...database, collections };
  const node = versionsOn(uploadNode(dying, mortal.grip(store, STORE_STEPS)), dying, KEPT);
  await work(node, file).catch(() => undefined);
  await node.idle();
  await connection.close();
  return !mortal.isDead;
}

/** The contents of every file that is there, each as its size tells it. */
async function held(): Promise<string> {
  const bySize = new Map(['one', 'two!', 'three', 'another'].map((text) => [text.length, text]));
  const files = await database.collections.files.find(LISTED).select('+versions').sort({ _id: 1 }).lean();
  return files
    .map((file) => [file, ...(file.versions ?? [])].map(({ fileSize }) => bySize.get(fileSize)).join(','))
    .join(' ');
}

async function startAnew(begin: readonly string[]): Promise<{ id: string }> {
  const { users, files, blobs } = database.collections;
  for (const collection of [users, files, blobs]) await (collection as typeof files).deleteMany();
  for await (const { key } of store.list()) await store.delete(key);
  const account = { username: 'ann', email: 'a@example.org', password: 'x', quotaBytes: 100_000 };
  const user = await users.create(account);
  viewer = { userId: user._id, sessionId: new ObjectId(), role: user.role, isEmailVerified: true };
  const node = healthy();
  const [first = '', ...others] = begin;
  const file = await put(node as never, viewer, first);
  for (const content of others) await node.over(viewer, file, content);
  await node.idle();
  return file;
}

async function strayObjects(): Promise<number> {
  let strays = 0;
  for await (const { key } of store.list()) {
    if (!(await database.collections.blobs.exists({ key }))) strays += 1;
  }
  return strays;
}

describe.each(Object.entries(STORIES))('%s', (_name, story) => {
  it('may be killed after any step: nothing is lost and every count is exact', async () => {
    let [lived, step] = [false, 0];
    while (!lived) {
      step += 1;
      const file = await startAnew(story.begin);
      lived = await livesThrough(story, file, new Mortal(step, 'after'));
      const { sweep } = healthy();
      for (const step of ['uploads', 'purges', 'claims'] as const) await sweep.step(step);
      const at = `killed at step ${step}`;
      expect(await miscounts(viewer, database), at).toEqual([]);
      expect(await strayObjects(), at).toBe(0);
      expect(story.ends, at).toContain(await held());
      if (lived) expect(await held()).toBe(story.ends.at(-1));
    }
    expect(step).toBeGreaterThan(story.steps);
  });
});
