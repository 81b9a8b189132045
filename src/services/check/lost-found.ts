import { type BlobStore, keyIn } from '../../blobs/blob-store.ts';
import type { Stores } from '../../blobs/stores.ts';
import { hasCode } from '../../errors.ts';

/** How long an object stays in lost-found/; milliseconds. */
export const LOST_FOUND_MS = 30 * 24 * 60 * 60 * 1000;

/** Moves an object that nothing names to lost-found/, where it stays for 30 days; may be repeated after a crash. */
export async function moveToLostFound(
  store: BlobStore,
  key: string,
  isOrphan: () => Promise<boolean>,
): Promise<boolean> {
  const { size, stream } = await store.open(key);
  const target = keyIn('lost-found', key);
  try {
    await store.put(target, stream, { atMost: size });
  } catch (error) {
    // A move that was killed before it deleted: a put is all or nothing, so what lies there is whole.
    if (!hasCode(error, 'CONFLICT')) throw error;
  } finally {
    stream.destroy();
  }
  if (!(await isOrphan())) {
    await store.delete(target);
    return false;
  }
  await store.delete(key);
  return true;
}

/** Deletes what has lain in lost-found/ for long enough; resolves with how many objects. */
export async function emptyLostFound(stores: Stores, before: Date, signal?: AbortSignal): Promise<number> {
  let deleted = 0;
  for (const store of stores.all) {
    for await (const { key, modifiedAt } of store.list('lost-found/')) {
      signal?.throwIfAborted();
      if (modifiedAt >= before) continue;
      await store.delete(key);
      deleted += 1;
    }
  }
  return deleted;
}
