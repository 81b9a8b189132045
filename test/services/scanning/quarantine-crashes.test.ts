import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import type { Blob } from '../../../src/models/blob.ts';
import { collectionsOf } from '../../../src/models/collections.ts';
import { LISTED, type StoredFile } from '../../../src/models/file.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { Role } from '../../../src/models/user.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { Mortal } from '../../support/mortal.ts';
import { type ScanNode, scanNode } from '../../support/nodes/scan-node.ts';
import { put } from '../../support/nodes/upload-node.ts';
import { EICAR } from '../../support/virus-signatures.ts';

const STORE_STEPS = ['put', 'open', 'stat', 'delete'];
const WRITES = ['insertMany', 'updateOne', 'updateMany', 'findOneAndUpdate', 'deleteOne', 'bulkWrite'];
const admin: Viewer = {
  userId: new ObjectId(),
  sessionId: new ObjectId(),
  role: Role.ADMIN,
  isEmailVerified: true,
};

let database: TestDatabase;
let folder: string;
let store: BlobStore;
let viewer: Viewer;

beforeAll(async () => {
  database = await openTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-quarantine-crashes-'));
  store = await openLocalStore({ UPLOAD_PATH: folder });
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

interface Story {
  /** Makes what the process finds, by nodes that live. */
  begin(): Promise<unknown>;
  /** What the process does until it dies. */
  work(node: ScanNode): Promise<unknown>;
  /** Whether it may be done again afterwards, and must then come to its end. */
  readonly again?: boolean;
  /** How many files may be there at the end, each in which status. */
  readonly ends: readonly string[];
  readonly steps: number;
}

const healthy = (options = {}) => scanNode(database, store, options);
const held = async () => `${(await database.collections.files.findOne().lean())?._id}`;

async function uploaded(node: ScanNode): Promise<void> {
  await put(node, viewer, EICAR).catch(() => undefined);
  await node.run.idle();
}

const STORIES: Record<string, Story> = {
  'an infected upload': {
    begin: async () => undefined,
    work: uploaded,
    ends: ['', 'FAILED'],
    steps: 7,
  },
  'an infected upload of what is there already': {
    begin: () => uploaded(healthy()),
    work: uploaded,
    ends: ['FAILED', 'FAILED FAILED'],
    steps: 8,
  },
  'an infected upload of what is served': {
    begin: () => uploaded(healthy({ scanner: null })),
    work: uploaded,
    // Before it is known to be infected the older file is what it was.
    ends: ['COMPLETED', 'FAILED', 'FAILED FAILED'],
    steps: 9,
  },
  'a scan that finds something': {
    begin: () => uploaded(healthy({ scanner: null })),
    work: (node) => node.work(),
    again: true,
    ends: ['FAILED'],
    steps: 4,
  },
  'a release': {
    begin: () => uploaded(healthy()),
    work: async (node) => node.quarantine.release(admin, await held()),
    ends: ['FAILED', 'COMPLETED'],
    steps: 4,
  },
  'a purge': {
    begin: () => uploaded(healthy()),
    work: async (node) => node.quarantine.purge(admin, await held()),
    ends: ['FAILED', ''],
    steps: 5,
  },
};

/** Whether the work came to its end before the fatal step. */
async function livesThrough({ work }: Story, mortal: Mortal): Promise<boolean> {
  const connection = await mongoose.createConnection(database.uri).asPromise();
  const collections = collectionsOf(connection);
  for (const { collection } of [collections.blobs, collections.files, collections.users]) {
    mortal.seize(collection, WRITES);
  }
  const dying = scanNode({ ...database, collections }, mortal.grip(store, STORE_STEPS));
  await work(dying).catch(() => undefined);
  await dying.run.idle();
  await connection.close();
  return !mortal.isDead;
}

/** What runs by itself once everything is old, until nothing is left to do. */
async function recover(): Promise<void> {
  const node = healthy({ scanner: null });
  await node.sweep.run();
  const due = { scanDueAt: { $gt: new Date(0) } };
  await database.collections.blobs.collection.updateMany(due, { $set: { scanDueAt: new Date(0) } });
  await node.work();
  await node.sweep.run();
}

/** What must never be, however the process died: an infected content that is a file, or that could be served. */
async function harm(): Promise<string[]> {
  const { files, blobs } = database.collections;
  const found: string[] = [];
  for (const blob of await blobs.find({ 'virus.isScanned': true, 'virus.isClean': false }).lean()) {
    if (blob.live) found.push('an infected blob takes new files');
  }
  for (const file of await files.find(LISTED).lean()) {
    const blob = await blobs.findById(file.blob).lean();
    if (!blob) found.push('a file has no content');
    if (file.virus.isScanned && !file.virus.isClean) found.push('an infected file is there');
  }
  return found;
}

/** What contradicts itself once all is tidy. */
async function contradictions(): Promise<string[]> {
  const { files, blobs, users } = database.collections;
  const found = await harm();
  const all = await files.find().select('+quarantinedAt').lean();
  const bytes = all.reduce((sum, { fileSize }) => sum + fileSize, 0);
  const user = await users.findById(viewer.userId).lean();
  if (user?.usedBytes !== bytes) found.push(`${user?.usedBytes} bytes are counted, there are ${bytes}`);
  if (user?.claims?.length) found.push('an account has claims');
  const keys: string[] = [];
  for await (const { key } of store.list()) keys.push(key);
  const contents = await blobs.find().lean();
  if (contents.length !== keys.length) found.push(`${contents.length} blobs, ${keys.length} objects`);
  for (const blob of contents) {
    if (!keys.includes(blob.key)) found.push('a blob has no bytes');
    found.push(
      ...contradictionsOf(
        blob,
        all.filter((file) => file.blob?.equals(blob._id)),
      ),
    );
  }
  return found;
}

function contradictionsOf(blob: Blob, referring: readonly StoredFile[]): string[] {
  const found: string[] = [];
  if (blob.refCount !== referring.length)
    found.push(`${blob.refCount} references instead of ${referring.length}`);
  if (blob.claims?.length || blob.isVerdictUntold) found.push('a blob is not settled');
  if (!blob.virus) return found;
  const isInfected = blob.virus.isScanned && !blob.virus.isClean;
  for (const { uploadStatus, quarantinedAt } of referring) {
    if (Boolean(quarantinedAt) !== isInfected) found.push(`${uploadStatus}, infected: ${isInfected}`);
  }
  return found;
}

async function startAnew(): Promise<void> {
  for (const collection of Object.values(database.collections)) await collection.deleteMany();
  for await (const { key } of store.list()) await store.delete(key);
  const account = { username: 'ann', email: 'a@example.org', password: 'x', quotaBytes: 100_000 };
  const user = await database.collections.users.create(account);
  viewer = { userId: user._id, sessionId: new ObjectId(), role: user.role, isEmailVerified: true };
}

describe.each(Object.entries(STORIES))('%s', (_name, story) => {
  it.each(['before', 'after'] as const)('survives a kill at any step, %s its effect', async (when) => {
    let [lived, step] = [false, 0];
    while (!lived) {
      step += 1;
      await startAnew();
      await story.begin();
      lived = await livesThrough(story, new Mortal(step, when));
      expect(await harm(), `killed at step ${step}`).toEqual([]);
      if (story.again) await story.work(healthy());
      await recover();
      expect(await contradictions(), `killed at step ${step}`).toEqual([]);
      const files = await database.collections.files.find().sort({ uploadStatus: 1 }).lean();
      expect(story.ends).toContain(files.map(({ uploadStatus }) => uploadStatus).join(' '));
    }
    expect(step).toBeGreaterThan(story.steps);
  });
});
