import type { BlobStore } from '../../blobs/blob-store.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { Place } from '../../models/place.ts';
import { atOnce } from '../at-once.ts';
import { copyState } from '../copies/copy-state.ts';
import type { PlaceCheck, PlacePass } from './place-check.ts';
import type { Suspicion } from './storage-findings.ts';

const PAGE = 100;
const READS_AT_ONCE = 2;

interface Copy {
  readonly blob: Blob;
  readonly place: Place;
}

/** Reads every copy in one store to its end and yields those whose bytes are not their content’s; two at a time. */
export async function* wrongContents(
  blobs: Collections['blobs'],
  check: PlaceCheck,
  pass: PlacePass,
  onRead: () => void,
): AsyncGenerator<Suspicion> {
  const read = async ({ blob, place }: Copy) => {
    pass.signal.throwIfAborted();
    if (!pass.keys.canRead(blob)) return { blob, place, state: 'no-key' as const };
    const { keys, signal } = pass;
    const state = await copyState(pass.store, place.key, blob, { deep: true, keys, signal });
    onRead();
    return { blob, place, state };
  };
  for await (const { blob, place, state } of atOnce(READS_AT_ONCE, copiesAt(blobs, pass.store), read)) {
    // Whatever is not there in full was met by the listing.
    if (state === 'wrong-hash') yield check.copy({ ...pass, deep: true }, { blob: blob._id }, place, state);
    else if (state === 'no-key' && place === blob) yield withoutKey(blob);
  }
}

/** A content that cannot be judged: nothing is done to it, since nothing is known to be wrong with its bytes. */
function withoutKey({ _id, provider, key, encryption }: Blob): Suspicion {
  const what = `is encrypted with the master key ${encryption?.keyId}`;
  const finding = { kind: 'no-key', what, blob: _id, provider, key } as const;
  const note = 'name that key in ENCRYPTION_KEYS';
  return { confirm: async () => ({ finding, repair: async () => ({ outcome: 'failed', note }) }) };
}

async function* copiesAt(blobs: Collections['blobs'], { provider }: BlobStore): AsyncGenerator<Copy> {
  for (let after: ObjectId | null = null; ; ) {
    const page: Blob[] = await blobs
      .find({ ...(after && { _id: { $gt: after } }), lostAt: { $exists: false } })
      .sort({ _id: 1 })
      .limit(PAGE)
      .lean<Blob[]>();
    for (const blob of page) {
      for (const place of [blob, ...(blob.replicas ?? [])]) {
        if (place.provider === provider) yield { blob, place };
      }
    }
    const last: Blob | undefined = page.at(-1);
    if (!last || page.length < PAGE) return;
    after = last._id;
  }
}
