import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { Stores } from '../../../src/blobs/stores.ts';
import type { Collections } from '../../../src/models/collections.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { StorageCheck } from '../../../src/services/check/storage-check.ts';
import type { CheckOptions, Result } from '../../../src/services/check/storage-findings.ts';
import { NO_KEYS } from '../../../src/services/copies/content-keys.ts';
import { Leases } from '../../../src/services/leases.ts';

/** A check over these stores; for it, every object is old enough to be looked at. */
export function checkNode(
  collections: Collections,
  where: readonly [BlobStore, ...BlobStore[]] | Stores,
  backup: string | null = null,
  keys = NO_KEYS,
) {
  const stores = where instanceof Stores ? where : new Stores(where, backup);
  const leases = new Leases(collections.leases);
  const check = new StorageCheck({
    collections,
    stores,
    leases,
    graceMs: -60_000,
    blobGraceMs: 0,
    keys,
  });
  /** Runs it; `brief` tells each finding as `kind outcome`, sorted. */
  const run = async (options: CheckOptions = {}, signal?: AbortSignal) => {
    const results: Result[] = [];
    const observer = { result: (result: Result) => void results.push(result), progress: () => undefined };
    const summary = await check.run(options, observer, signal);
    const brief = results.map(({ kind, outcome }) => `${kind} ${outcome}`).sort();
    return { summary, results, brief };
  };
  return { check, stores, run };
}

/** Puts an object into a store. */
export async function putObject(store: BlobStore, key: string, content: string): Promise<void> {
  await store.put(key, Readable.from([Buffer.from(content)], { objectMode: false }));
}

/** The bytes under a key as text; null when there are none. */
export async function readObject(store: BlobStore, key: string): Promise<string | null> {
  const opened = await store.open(key).catch(() => null);
  return opened && Buffer.concat(await opened.stream.toArray()).toString();
}

/** Makes an object of a local store look as old as that. */
export async function age(store: BlobStore, key: string, milliseconds: number): Promise<void> {
  const name = key.slice(key.lastIndexOf('/') + 1);
  const folder = join(store.location, key.slice(0, key.lastIndexOf('/') + 1), name.slice(0, 2));
  const then = new Date(Date.now() - milliseconds);
  await utimes(join(folder, name), then, then);
}

/** An account that is counted for these bytes. */
export async function account({ users }: Collections, usedBytes: number): Promise<ObjectId> {
  const _id = new ObjectId();
  const name = `u${_id.toHexString().slice(-12)}`;
  await users.collection.insertOne({ _id, username: name, email: name, isActive: true, usedBytes } as never);
  return _id;
}
