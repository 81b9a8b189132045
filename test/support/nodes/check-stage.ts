import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import type { Blob } from '../../../src/models/blob.ts';
import type { ObjectId } from '../../../src/models/object-id.ts';
import { openTestDatabase, type TestDatabase } from '../database.ts';
import { account, checkNode } from './check-node.ts';
import { blobNow, copyNode, namedStore, storeBlob } from './copy-node.ts';

const HELLO = Buffer.from('hello');

/** A database, a local store, a second one and an account, with which a check is tried out. */
export class CheckStage {
  readonly database: TestDatabase;
  readonly local: BlobStore;
  readonly other: BlobStore;
  readonly userId: ObjectId;

  private constructor(database: TestDatabase, local: BlobStore, other: BlobStore, userId: ObjectId) {
    this.database = database;
    this.local = local;
    this.other = other;
    this.userId = userId;
  }

  /** The second store is one in memory unless another is given. */
  static async open(other?: BlobStore): Promise<CheckStage> {
    const database = await openTestDatabase();
    const folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-check-'));
    const local = await openLocalStore({ UPLOAD_PATH: folder });
    const userId = await account(database.collections, 0);
    return new CheckStage(database, local, other ?? (await namedStore('aws')), userId);
  }

  async close(): Promise<void> {
    await this.database.close();
    await rm(this.local.location, { recursive: true, force: true });
  }

  get collections() {
    return this.database.collections;
  }

  get backup(): string {
    return this.other.provider;
  }

  /** A check over both stores. */
  node(backup: string | null = this.backup) {
    return checkNode(this.collections, [this.local, this.other], backup);
  }

  /** What looks after copies, over both stores. */
  copying() {
    return copyNode(this.collections, [this.local, this.other], { backup: this.backup });
  }

  /** A content in the local store alone, with one file. */
  store(content: Buffer = HELLO): Promise<Blob> {
    return storeBlob(this.collections, this.local, content, {}, this.userId);
  }

  /** A content with a copy in each store, with one file. */
  async storeTwice(content: Buffer = HELLO): Promise<Blob> {
    const blob = await this.store(content);
    const { copies, placement } = this.copying();
    const replica = await copies.copy(blob, blob, this.other);
    const doubled = await placement.becomeReplica(blob, replica);
    if (!doubled) throw new Error('There is no replica.');
    await placement.settle(doubled);
    return this.now(doubled);
  }

  now(blob: Pick<Blob, '_id'>): Promise<Blob> {
    return blobNow(this.collections, blob);
  }

  fileOf(blob: Pick<Blob, '_id'>) {
    return this.collections.files.collection.findOne({ blob: blob._id });
  }

  setBlob(blob: Pick<Blob, '_id'>, update: object) {
    return this.collections.blobs.collection.updateOne({ _id: blob._id }, update);
  }

  setFile(blob: Pick<Blob, '_id'>, update: object) {
    return this.collections.files.collection.updateOne({ blob: blob._id }, update);
  }

  /** The findings of three runs: one that only looks, one that repairs, and a deep one after the copies were made. */
  async repairs(options: { deep?: boolean } = {}) {
    const found = await this.node().run(options);
    const repaired = await this.node().run({ ...options, repair: true });
    await this.copying().work();
    const after = await this.node().run({ deep: true });
    return { found: found.brief, repaired: repaired.brief, after: after.brief };
  }
}

/** The key of a content's second copy. */
export const replicaOf = (blob: Blob): string => blob.replicas?.[0]?.key ?? '';
