import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobStore, ByteRange } from '../../src/blobs/blob-store.ts';
import { open as openLocalStore } from '../../src/blobs/local-store.ts';
import { Stores } from '../../src/blobs/stores.ts';
import type { KeyFailure } from '../../src/encryption/key-failure.ts';
import { MasterKeys } from '../../src/encryption/master-keys.ts';
import type { Blob } from '../../src/models/blob.ts';
import type { StoredFile } from '../../src/models/file.ts';
import { ObjectId } from '../../src/models/object-id.ts';
import { BlobReader } from '../../src/services/copies/blob-reader.ts';
import { ContentKeys } from '../../src/services/copies/content-keys.ts';
import { KeyRotation } from '../../src/services/copies/key-rotation.ts';
import type { Viewer } from '../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from './database.ts';
import { checkNode } from './nodes/check-node.ts';
import { blobNow, copyNode, namedStore } from './nodes/copy-node.ts';
import { put, uploadNode } from './nodes/upload-node.ts';

/** A master key as ENCRYPTION_KEYS has it; of one name it is always the same. */
export const masterKey = (name: string): string =>
  `${name}:${createHash('sha256').update(name).digest('base64')}`;

/** Whether the text, or 32 bytes of the content taken anywhere, lies in one of the files below the folder. */
export async function liesBelow(folder: string, content: Buffer): Promise<boolean> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  for (const file of files) {
    const bytes = await readFile(join(file.parentPath, file.name)).catch(() => Buffer.alloc(0));
    for (let at = 0; at + 32 <= content.length; at += 4_099) {
      if (bytes.includes(content.subarray(at, at + 32))) return true;
    }
  }
  return false;
}

/** A database, a local store and one that goes by the name of `aws`, on which nodes with any master keys may work. */
export class SealedBench {
  readonly database: TestDatabase;
  folder = '';
  local!: BlobStore;
  other!: BlobStore;
  viewer!: Viewer;
  readonly alerts: KeyFailure[] = [];

  private constructor(database: TestDatabase) {
    this.database = database;
  }

  static async open(): Promise<SealedBench> {
    return new SealedBench(await openTestDatabase());
  }

  /** Before each test. */
  async fill(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-sealed-'));
    this.local = await openLocalStore({ UPLOAD_PATH: this.folder });
    this.other = await namedStore('aws');
    const name = randomBytes(6).toString('hex');
    const account = { username: name, email: `${name}@example.org`, password: 'x' };
    const user = await this.database.collections.users.create(account);
    const sessionId = new ObjectId();
    this.viewer = { userId: user._id, sessionId, role: user.role, isEmailVerified: true };
  }

  /** After each test. */
  async empty(): Promise<void> {
    this.alerts.splice(0);
    for (const collection of Object.values(this.database.collections)) await collection.deleteMany();
    await rm(this.folder, { recursive: true, force: true });
  }

  keys(...entries: string[]): ContentKeys {
    const masters = entries.map((entry) => (entry.includes(':') ? entry : masterKey(entry)));
    return new ContentKeys(new MasterKeys(masters), (failure) => void this.alerts.push(failure));
  }

  /** One node with these master keys, by name or in full; `backup` is where it makes second copies. */
  node(keys: readonly string[], { backup = null as string | null, graceMs = 0 } = {}) {
    const { collections } = this.database;
    const own = this.keys(...keys);
    const stores = new Stores([this.local, this.other], backup);
    const uploads = uploadNode(this.database, stores, undefined, { keys: own, maxFileSize: 2_000_000 });
    const reader = new BlobReader(collections.blobs, stores, { fellBack: () => undefined }, own);
    return {
      keys: own,
      services: uploads,
      reader,
      copies: copyNode(collections, [this.local, this.other], { backup, graceMs, keys: own }),
      check: checkNode(collections, stores, null, own),
      rotation: new KeyRotation(collections, own),
      upload: async (content: Buffer) => {
        const file = await put(uploads, this.viewer, content);
        await uploads.uploads.idle();
        return file;
      },
      read: async (file: Pick<StoredFile, 'blob'>, range?: ByteRange) => {
        const stream = await reader.open(await reader.find(file.blob), range);
        return Buffer.concat(await stream.toArray());
      },
    };
  }

  /** The blob of a file as its document is now. */
  blobOf(file: Pick<StoredFile, 'blob'>): Promise<Blob> {
    return blobNow(this.database.collections, { _id: file.blob as Blob['_id'] });
  }

  /** What the file’s document says now of how it is encrypted. */
  async told(file: Pick<StoredFile, '_id'>) {
    return (await this.database.collections.files.findById(file._id).lean())?.encryption;
  }
}

/** As `SealedBench.node` makes it. */
export type SealedNode = ReturnType<SealedBench['node']>;
