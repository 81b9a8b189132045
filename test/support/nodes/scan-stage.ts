import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import type { ContentScan, Scanner, Verdict } from '../../../src/scanning/scanner.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../database.ts';
import { EICAR } from '../virus-signatures.ts';
import { type ScanNode, scanNode } from './scan-node.ts';
import { put } from './upload-node.ts';

/** What the clamd of the whole run calls what it finds in EICAR. */
export const NAME = 'Eicar-Test-Body.UNOFFICIAL';
export const CLEAN = { kind: 'clean' } as const;
export const DOWN = { kind: 'unable', cause: 'unavailable', reason: 'down' } as const;
export const TOO_LONG = { kind: 'unable', cause: 'over-limit', reason: 'too long' } as const;

/** A database, a store and two accounts, anew for each test of a file. */
export class ScanStage {
  database!: TestDatabase;
  folder = '';
  store!: BlobStore;
  viewer!: Viewer;
  other!: Viewer;

  constructor() {
    beforeAll(async () => {
      this.database = await openTestDatabase();
    });
    afterAll(() => this.database.close());
    beforeEach(async () => {
      this.folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-quarantine-'));
      this.store = await openLocalStore({ UPLOAD_PATH: this.folder });
      [this.viewer, this.other] = [await this.account('ann'), await this.account('bob')];
    });
    afterEach(async () => {
      for (const collection of Object.values(this.database.collections)) await collection.deleteMany();
      await rm(this.folder, { recursive: true, force: true });
    });
  }

  node(options = {}): ScanNode {
    return scanNode(this.database, this.store, options);
  }

  /** The only file of an account. */
  async fileOf(owner = this.viewer) {
    const { files } = this.database.collections;
    return files.findOne({ userId: owner.userId }).select('+quarantinedAt +threat').lean();
  }

  async statuses(): Promise<string[]> {
    const files = await this.database.collections.files.find().lean();
    return files.map(({ uploadStatus }) => uploadStatus);
  }

  async blobs() {
    return this.database.collections.blobs.find().lean();
  }

  /** Uploads what must be found infected. */
  async refused(services: ScanNode, who = this.viewer, content = EICAR): Promise<void> {
    const refusal = { code: 'INFECTED', message: expect.stringContaining(NAME) };
    await expect(put(services, who, content)).rejects.toMatchObject(refusal);
  }

  private async account(username: string): Promise<Viewer> {
    const facts = { username, email: `${username}@example.org`, password: 'x', quotaBytes: 100_000 };
    const user = await this.database.collections.users.create(facts);
    return { userId: user._id, sessionId: new ObjectId(), role: user.role, isEmailVerified: true };
  }
}

/** A scanner that says what it is told to, as of this version: for what clamd can't be made to say. */
export function saying(verdict: Omit<Verdict, 'engine'>, engine = 'ClamAV 1.4.3/7'): Scanner {
  const answer = { ...verdict, engine } as Verdict;
  const failed = answer.kind === 'unable' ? answer : null;
  const scan: ContentScan = {
    failed,
    write: () => undefined,
    end: async () => answer,
    destroy: () => undefined,
  };
  return { scan: () => scan, engine: async () => engine, check: async () => undefined };
}
