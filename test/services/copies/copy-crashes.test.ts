import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import { collectionsOf } from '../../../src/models/collections.ts';
import type { MoveOptions } from '../../../src/services/copies/blob-moves.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { Mortal } from '../../support/mortal.ts';
import {
  blobNow,
  type CopyNode,
  clearAll,
  contradictions,
  copyNode,
  namedStore,
  storeBlob,
} from '../../support/nodes/copy-node.ts';

const STORE_STEPS = ['put', 'open', 'stat', 'delete'];
const WRITES = ['updateOne', 'updateMany', 'findOneAndUpdate', 'deleteOne', 'replaceOne'];
const LATER_MS = 2 * 3_600_000;
const ORDER = { from: 'local', to: 'aws' };

let database: TestDatabase;
let folder: string;
let stores: [BlobStore, BlobStore];

beforeAll(async () => {
  database = await openTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-crashes-'));
  stores = [await openLocalStore({ UPLOAD_PATH: folder }), await namedStore('aws')];
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

interface Story {
  readonly backup: string | null;
  /** Makes what the process finds. */
  begin(): Promise<unknown>;
  /** What the process does until it dies, and what is done again after that. */
  work(node: CopyNode): Promise<unknown>;
  /** How many steps it has at least. */
  readonly steps: number;
}

const moving = (failures: unknown[] = []): MoveOptions => ({
  signal: new AbortController().signal,
  observer: {
    copied: () => undefined,
    moved: () => undefined,
    failed: (_blob, error) => void failures.push(error),
  },
});
const healthy = (backup: string | null) => copyNode(database.collections, stores, { backup });
const newBlob = (changes = {}) => storeBlob(database.collections, stores[0], randomBytes(2_000), changes);

async function backedUp() {
  const blob = await newBlob({ copyDueAt: new Date(0) });
  await healthy('aws').work();
  return blobNow(database.collections, blob);
}

const STORIES: Record<string, Story> = {
  'a second copy': {
    backup: 'aws',
    begin: () => newBlob(),
    work: (node) => node.work(),
    steps: 7,
  },
  'a repair': {
    backup: 'aws',
    async begin() {
      const blob = await backedUp();
      await stores[0].delete(blob.key);
      await healthy('aws').placement.noteDamage(blob, blob);
    },
    work: (node) => node.work(),
    steps: 8,
  },
  'a second copy that must be made anew': {
    backup: 'aws',
    async begin() {
      const blob = await backedUp();
      await stores[1].delete(blob.replicas?.[0]?.key ?? '');
      await database.collections.blobs.updateMany({}, { copyDueAt: new Date(0) });
    },
    work: (node) => node.work(),
    steps: 9,
  },
  'a move': {
    backup: null,
    begin: () => newBlob(),
    work: (node) => node.moves.move(ORDER, moving()),
    steps: 6,
  },
  'a move to where the second copy lies': {
    backup: 'aws',
    begin: () => backedUp(),
    work: (node) => node.moves.move(ORDER, moving()),
    steps: 4,
  },
};

/** Whether the work came to its end before the fatal step. */
async function livesThrough({ backup, work }: Story, mortal: Mortal): Promise<boolean> {
  const connection = await mongoose.createConnection(database.uri).asPromise();
  const collections = collectionsOf(connection);
  for (const { collection } of [collections.blobs, collections.files, collections.leases]) {
    mortal.seize(collection, WRITES);
  }
  const [first, second] = stores;
  const held = [mortal.grip(first, STORE_STEPS), mortal.grip(second, STORE_STEPS)] as const;
  const dying = copyNode(collections, held, { backup });
  await work(dying).catch(() => undefined);
  await dying.disposal.deleteLeftovers().catch(() => undefined);
  await connection.close();
  return !mortal.isDead;
}

/** All that is done after a crash: the same work again, the job, and what the sweep does once everything is old. */
async function recover({ backup, work }: Story): Promise<void> {
  const node = healthy(backup);
  await work(node);
  await node.work();
  await node.disposal.deleteLeftovers(new Date(Date.now() + LATER_MS));
}

describe.each(Object.entries(STORIES))('%s', (name, story) => {
  it.each(['before', 'after'] as const)('survives a kill at any step, %s its effect', async (when) => {
    let [lived, step] = [false, 0];
    while (!lived) {
      step += 1;
      await clearAll(database.collections, stores);
      await story.begin();
      lived = await livesThrough(story, new Mortal(step, when));
      await recover(story);
      expect(await contradictions(database.collections, stores), `killed at step ${step}`).toEqual([]);
      const [blob, ...more] = await database.collections.blobs.find().lean();
      const place = name.startsWith('a move') ? ['aws', 0] : ['local', 1];
      expect([more.length, blob?.provider, blob?.replicas?.length ?? 0]).toEqual([0, ...place]);
    }
    expect(step).toBeGreaterThan(story.steps);
  });
});
