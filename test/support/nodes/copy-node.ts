import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { type BlobStore, newBlobKey } from '../../../src/blobs/blob-store.ts';
import { Stores } from '../../../src/blobs/stores.ts';
import type { Blob } from '../../../src/models/blob.ts';
import type { Collections } from '../../../src/models/collections.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { BackupWalk } from '../../../src/services/copies/backup-walk.ts';
import { BlobCopies } from '../../../src/services/copies/blob-copies.ts';
import { BlobDisposal } from '../../../src/services/copies/blob-disposal.ts';
import { BlobMoves } from '../../../src/services/copies/blob-moves.ts';
import { BlobPlacement } from '../../../src/services/copies/blob-placement.ts';
import type { ContentKeys } from '../../../src/services/copies/content-keys.ts';
import { CopyDuty } from '../../../src/services/copies/copy-duty.ts';
import { open as openMemory } from '../../blobs/memory-store.ts';

/** A store in this process's memory that goes by another provider's name. */
export async function namedStore(provider: string): Promise<BlobStore> {
  const store = await openMemory({ MEMORY_PLACE: `place-${randomBytes(6).toString('hex')}` });
  return new Proxy(store, {
    get(target, name) {
      if (name === 'provider') return provider;
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** One node's services about copies; what was made and what failed is collected. */
export function copyNode(
  collections: Collections,
  stores: readonly [BlobStore, ...BlobStore[]],
  options: { backup?: string | null; graceMs?: number; renewMs?: number; keys?: ContentKeys } = {},
) {
  const all = new Stores(stores, options.backup ?? null);
  const made: string[] = [];
  const failures: unknown[] = [];
  const placement = new BlobPlacement(collections, options.graceMs ?? 0);
  const copies = new BlobCopies(all, placement, options.renewMs, options.keys);
  const walk = new BackupWalk(collections, all);
  const duty = new CopyDuty({
    blobs: collections.blobs,
    stores: all,
    copies,
    placement,
    walk,
    observer: {
      copied: (_blob, kind) => void made.push(kind),
      failed: (_blob, error) => void failures.push(error),
    },
  });
  const moves = new BlobMoves({ collections, stores: all, copies, placement });
  const disposal = new BlobDisposal(collections, all);
  const work = () => duty.run(new AbortController().signal);
  return { stores: all, placement, copies, walk, duty, moves, disposal, made, failures, work };
}

/** As `copyNode` makes it. */
export type CopyNode = ReturnType<typeof copyNode>;

/** The blob's document as it is now; throws when it is gone. */
export async function blobNow({ blobs }: Collections, { _id }: Pick<Blob, '_id'>): Promise<Blob> {
  const blob = await blobs.findById(_id).lean<Blob>();
  if (!blob) throw new Error('The blob is gone.');
  return blob;
}

/** Stores a content as a live blob to which one file of a user refers. */
export async function storeBlob(
  { blobs, files }: Collections,
  store: BlobStore,
  content: Buffer,
  changes: Partial<Blob> = {},
  userId = new ObjectId(),
): Promise<Blob> {
  const key = newBlobKey();
  await store.put(key, Readable.from([content], { objectMode: false }));
  const { provider, location } = store;
  const hash = createHash('sha256').update(content).digest('hex');
  const now = new Date();
  const blob = {
    ...{ _id: new ObjectId(), hash, size: content.length, provider, location, key },
    ...{ refCount: 1, live: true, createdAt: now, updatedAt: now },
    ...changes,
  };
  await blobs.collection.insertOne(blob as never);
  const _id = new ObjectId();
  const placed = { storageProvider: provider, storageLocation: location, backupLocation: null };
  const file = { _id, userId, blob: blob._id, fileName: `${_id}`, uploadStatus: 'COMPLETED', ...placed };
  await files.collection.insertOne(file as never);
  return blob as Blob;
}

/** Replaces what lies under a key. */
export async function overwrite(store: BlobStore, key: string, content: Buffer): Promise<void> {
  await store.delete(key);
  await store.put(key, Readable.from([content], { objectMode: false }));
}

/** What contradicts itself between the documents, the files and the stores: nothing, when all is tidy. */
export async function contradictions(
  collections: Collections,
  stores: readonly BlobStore[],
): Promise<string[]> {
  const blobs = await collections.blobs.find().lean<Blob[]>();
  const found: string[] = [];
  for (const blob of blobs) found.push(...(await contradictionsOf(collections, blob, stores)));
  const named = new Set(blobs.flatMap(placesOf).map(({ provider, key }) => `${provider} ${key}`));
  for (const store of stores) {
    for await (const { key } of store.list()) {
      if (!named.has(`${store.provider} ${key}`)) found.push(`${key} at ${store.provider} is no copy`);
    }
  }
  return found;
}

const placesOf = (blob: Blob) => [blob, ...(blob.replicas ?? [])];

async function contradictionsOf(collections: Collections, blob: Blob, stores: readonly BlobStore[]) {
  const found = await untrueFiles(collections, blob);
  if (blob.leftovers?.length) found.push(`${blob.leftovers.length} leftovers are named`);
  if (blob.copyDueAt) found.push('something is due');
  for (const { provider, location, key } of placesOf(blob)) {
    const store = stores.find((each) => each.provider === provider);
    if (store?.location !== location) found.push(`there is no store at ${provider}:${location}`);
    else if (!(await isContent(store, key, blob))) found.push(`${key} is not the content`);
  }
  return found;
}

async function isContent(store: BlobStore, key: string, { hash }: Blob): Promise<boolean> {
  const { stream } = await store.open(key);
  const bytes = Buffer.concat(await stream.toArray());
  return createHash('sha256').update(bytes).digest('hex') === hash;
}

async function untrueFiles({ files }: Collections, blob: Blob): Promise<string[]> {
  const [replica] = blob.replicas ?? [];
  const lies = [blob.provider, blob.location, replica ? `${replica.provider}:${replica.location}` : null];
  const all = await files.collection.find({ blob: blob._id }).toArray();
  const tales = all.map((file) => [file.storageProvider, file.storageLocation, file.backupLocation]);
  return tales
    .filter((told) => String(told) !== String(lies))
    .map((told) => `a file tells ${told} instead of ${lies}`);
}

/** Removes every document and every object. */
export async function clearAll(collections: Collections, stores: readonly BlobStore[]): Promise<void> {
  for (const collection of Object.values(collections)) await collection.deleteMany();
  for (const store of stores) for await (const { key } of store.list()) await store.delete(key);
}
