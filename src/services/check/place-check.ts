import type { BlobStore } from '../../blobs/blob-store.ts';
import type { Stores } from '../../blobs/stores.ts';
import { hasCode } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import type { Place } from '../../models/place.ts';
import type { ContentKeys } from '../copies/content-keys.ts';
import { type CopyState, copyState } from '../copies/copy-state.ts';
import type { Met } from './check-run.ts';
import type { PreviewCheck } from './preview-check.ts';
import { mergeSorted } from './sorted-merge.ts';
import type { Confirmed, Suspicion } from './storage-findings.ts';
import type { StorageRepair } from './storage-repair.ts';
import { isNamed, type NamedPlace, placesAt, roleOf } from './stored-places.ts';

/** What a pass over one store is given. */
export interface PlacePass {
  readonly store: BlobStore;
  /** Objects that are younger may be named in a moment. */
  readonly before: Date;
  readonly deep: boolean;
  readonly keys: ContentKeys;
  readonly met: Met;
  readonly signal: AbortSignal;
}

/** Holds what a store lists against what the database names there. */
export class PlaceCheck {
  private readonly collections: Pick<Collections, 'blobs' | 'files'>;
  private readonly stores: Stores;
  private readonly repair: StorageRepair;
  private readonly previews: PreviewCheck;

  constructor(
    collections: Pick<Collections, 'blobs' | 'files'>,
    stores: Stores,
    repair: StorageRepair,
    previews: PreviewCheck,
  ) {
    this.collections = collections;
    this.stores = stores;
    this.repair = repair;
    this.previews = previews;
  }

  /** Everything that looks wrong at first sight: two streams, each read at its own moment. */
  async *suspicions(pass: PlacePass): AsyncGenerator<Suspicion> {
    const { store, before, met, signal } = pass;
    const named = placesAt(this.collections, store.provider, null);
    for await (const { key, left, right } of mergeSorted(named, store.list())) {
      signal.throwIfAborted();
      const entry = right[0];
      if (entry) met.objects += 1;
      if (entry && left.length === 0 && entry.modifiedAt < before) yield this.nameless(pass, key, 'orphan');
      for (const place of left) yield* this.copySuspicions(pass, place, entry?.size);
    }
    const coming = placesAt(this.collections, store.provider, 'incoming');
    for await (const { key, left, right } of mergeSorted(coming, store.list('incoming/'))) {
      signal.throwIfAborted();
      const old = right[0] && right[0].modifiedAt < before;
      if (old && left.length === 0) yield this.nameless(pass, key, 'incoming');
    }
  }

  /** A copy that may not be what its blob needs. */
  copy(pass: PlacePass, named: Pick<NamedPlace, 'blob'>, place: Place, found: CopyState): Suspicion {
    return {
      confirm: async () => {
        const blob = await this.find(named);
        if (!blob || found === 'whole') return null;
        const state = await copyState(pass.store, place.key, blob, pass);
        // Read after the object: what still names it now has named it all the time.
        const now = await this.find(named);
        const role = now && roleOf(now, place);
        if (!role || now.lostAt || state === 'whole') return null;
        const what = `${role === 'primary' ? 'first' : 'other'} copy of a content of ${now.size} bytes`;
        const finding = { kind: state, what, blob: now._id, provider: place.provider, key: place.key };
        const loses = role === 'primary' && !(await this.hasOther(pass, now, place));
        const risk = role === 'replica' ? ({ risk: 'replicas' } as const) : {};
        return {
          finding,
          ...(loses ? { risk: 'contents' as const } : risk),
          repair: () => this.repair.copy(now._id, place, pass),
        };
      },
    };
  }

  private *copySuspicions(pass: PlacePass, place: NamedPlace, size: number | undefined) {
    const { store, met } = pass;
    const { key, role, location } = place;
    if (role === 'preview') {
      met.previews = (met.previews ?? 0) + 1;
      if (size !== place.size) yield this.previews.suspicion(store, place);
    }
    if (role !== 'primary' && role !== 'replica') return;
    met[role === 'primary' ? 'contents' : 'replicas'] += 1;
    const at = { provider: store.provider, location, key };
    if (place.lost) {
      if (size === place.size) yield this.foundAgain(pass, place, at);
    } else if (size !== place.size) {
      yield this.copy(pass, place, at, size === undefined ? 'missing' : 'wrong-size');
    } else if (location !== store.location) {
      yield this.elsewhere(pass, place, at);
    }
  }

  private nameless({ store }: PlacePass, key: string, kind: 'orphan' | 'incoming'): Suspicion {
    const { provider } = store;
    return {
      confirm: async () => {
        const entry = await store.stat(key).catch(absent);
        if (!entry || (await isNamed(this.collections, { provider, key }))) return null;
        const what = `${entry.size} bytes since ${entry.modifiedAt.toISOString()}`;
        const repair = () => this.repair.nameless(store, key, kind);
        return { finding: { kind, what, provider, key }, risk: 'objects', repair };
      },
    };
  }

  private foundAgain({ store, keys, signal }: PlacePass, named: NamedPlace, place: Place): Suspicion {
    return {
      confirm: async () => {
        const blob = await this.find(named);
        if (!blob?.lostAt || !roleOf(blob, place)) return null;
        // A content is given up for its bytes as well as for its size, so all of them have to be right.
        if (!keys.canRead(blob)) return null;
        if ((await copyState(store, place.key, blob, { deep: true, keys, signal })) !== 'whole') return null;
        const what = `lost since ${blob.lostAt.toISOString()}`;
        const finding = { kind: 'found-again', what, blob: blob._id, ...at(place) } as const;
        return { finding, repair: () => this.repair.foundAgain(blob._id, place, signal) };
      },
    };
  }

  private elsewhere({ store }: PlacePass, named: NamedPlace, place: Place): Suspicion {
    return {
      confirm: async (): Promise<Confirmed | null> => {
        const blob = await this.find(named);
        const copies = blob && roleOf(blob, place) ? [blob, ...(blob.replicas ?? [])] : [];
        const told = copies.find(({ provider, key }) => provider === place.provider && key === place.key);
        if (!blob || !told || told.location === store.location) return null;
        const what = `is said to lie in ${told.location}, but lies in ${store.location}`;
        const finding = { kind: 'wrong-place', what, blob: blob._id, ...at(place) } as const;
        return { finding, repair: () => this.repair.location(blob._id, place, store.location) };
      },
    };
  }

  private async find({ blob }: Pick<NamedPlace, 'blob'>): Promise<Blob | null> {
    return this.collections.blobs.findById(blob).lean<Blob>();
  }

  /** Whether another copy seems to be there; one that cannot be asked for does not count. */
  private async hasOther(pass: PlacePass, blob: Blob, place: Place): Promise<boolean> {
    for (const other of blob.replicas ?? []) {
      if (other.provider === place.provider && other.key === place.key) continue;
      const state = await this.stateOf(pass, other, blob).catch(() => 'missing');
      if (state === 'whole') return true;
    }
    return false;
  }

  private async stateOf({ keys }: PlacePass, place: Place, blob: Blob): Promise<CopyState> {
    return copyState(this.stores.of(place), place.key, blob, { deep: false, keys });
  }
}

const at = ({ provider, key }: Place) => ({ provider, key });

/** For `catch`: null for an absent object, any other failure as it is. */
export function absent(error: unknown): null {
  if (hasCode(error, 'NOT_FOUND')) return null;
  throw error;
}
