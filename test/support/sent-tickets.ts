import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import mongoose from 'mongoose';
import type { BlobStore } from '../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../src/blobs/local-store.ts';
import type { Viewer } from '../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from './database.ts';
import { heldFor, type UploadNode, uploadNode } from './nodes/upload-node.ts';

/** A content of four parts: those of a node's tickets have 1,000 bytes. */
export const CONTENT = Buffer.alloc(3_500, 'x');
/** What is held before anything came and after everything went. */
export const NOTHING = {
  usedBytes: 0,
  claims: 0,
  files: [] as string[],
  refCounts: [] as number[],
  bytes: 0,
  sameKeys: true,
  incoming: 0,
};
/** What is held once the content is a file. */
export const FILE = { ...NOTHING, usedBytes: 3_500, files: ['COMPLETED'], refCounts: [1], bytes: 1 };
/** What is held while the content waits under its ticket. */
export const TICKET = { ...NOTHING, usedBytes: 3_500, claims: 1, files: ['PENDING'], incoming: 4 };

/** A database, an empty store and an account with a quota of 100,000 bytes, on which any number of nodes may work. */
export class TicketBench {
  readonly database: TestDatabase;
  private folder = '';
  store!: BlobStore;
  viewer!: Viewer;

  private constructor(database: TestDatabase) {
    this.database = database;
  }

  static async open(): Promise<TicketBench> {
    return new TicketBench(await openTestDatabase());
  }

  /** Before each test. */
  async fill(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-direct-'));
    this.store = await openLocalStore({ UPLOAD_PATH: this.folder });
    const user = await this.database.collections.users.create({
      username: 'ann',
      email: 'a@example.org',
      password: 'x',
      quotaBytes: 100_000,
    });
    this.viewer = {
      userId: user._id,
      sessionId: new mongoose.Types.ObjectId(),
      role: user.role,
      isEmailVerified: false,
    };
  }

  /** After each test. */
  async empty(): Promise<void> {
    for (const collection of Object.values(this.database.collections)) await collection.deleteMany();
    await rm(this.folder, { recursive: true, force: true });
  }

  node(staleUpload?: number): UploadNode {
    return uploadNode(this.database, this.store, staleUpload);
  }

  async held() {
    const incoming = await Array.fromAsync(this.store.list('incoming/'));
    return { ...(await heldFor(this.viewer, this.database, this.store)), incoming: incoming.length };
  }

  /** A ticket with every part sent, under the keys that its document names. */
  async sent({ directUploads }: UploadNode, facts = {}): Promise<string> {
    const announced = { originalName: 'a.txt', fileSize: CONTENT.length, ...facts };
    const { id } = await directUploads.create(this.viewer, announced);
    const file = await this.database.collections.files.findById(id).select('+direct').lean();
    for (const [i, key] of (file?.direct?.keys ?? []).entries()) {
      await this.store.put(key, Readable.from([CONTENT.subarray(i * 1_000, (i + 1) * 1_000)]));
    }
    return id;
  }

  /** Lets the ticket's time be over. */
  async expire(id: string): Promise<void> {
    const past = new Date(1);
    await this.database.collections.files.updateOne(
      { _id: new mongoose.Types.ObjectId(id) },
      { $set: { 'direct.expiresAt': past, heartbeatAt: past } },
    );
  }
}
