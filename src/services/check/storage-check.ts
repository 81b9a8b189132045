import type { BlobStore } from '../../blobs/blob-store.ts';
import type { Stores } from '../../blobs/stores.ts';
import { hasCode } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import { BlobCopies } from '../copies/blob-copies.ts';
import { BlobPlacement } from '../copies/blob-placement.ts';
import type { ContentKeys } from '../copies/content-keys.ts';
import type { Leases } from '../leases.ts';
import { LostPreviews } from '../processing/lost-previews.ts';
import { CheckRun, type Met } from './check-run.ts';
import { wrongContents } from './content-check.ts';
import { LostContents } from './lost-contents.ts';
import { LOST_FOUND_MS } from './lost-found.ts';
import { absent, PlaceCheck, type PlacePass } from './place-check.ts';
import { PreviewCheck } from './preview-check.ts';
import { ReferenceCheck } from './reference-check.ts';
import type { CheckObserver, CheckOptions, Suspicion } from './storage-findings.ts';
import { StorageRepair } from './storage-repair.ts';
import { UsageCheck } from './usage-check.ts';

/** What a check came to; what it found its observer was told. */
export interface CheckSummary {
  /** The stores that were looked at to the end, with how much was met there. */
  readonly stores: readonly ({ provider: string; location: string } & Met)[];
  /** The providers that could not be asked, and why. */
  readonly unreachable: readonly { provider: string; reason: string }[];
  /** How many contents are lost and known to be, those of this check among them; null where one provider was looked at. */
  readonly lost: number | null;
}

const LEASE = 'storage check';

/** Whether what the database says agrees with what lies in the stores, both ways; and, where asked, makes it so. */
export class StorageCheck {
  private readonly collections: Collections;
  private readonly stores: Stores;
  private readonly leases: Leases;
  private readonly graceMs: number;
  private readonly keys: ContentKeys;
  private readonly places: PlaceCheck;
  private readonly references: ReferenceCheck;
  private readonly usage: UsageCheck;

  /** Objects that are younger than `graceMs` may yet be named; copies that are given up stay for `blobGraceMs`. */
  constructor(parts: {
    collections: Collections;
    stores: Stores;
    leases: Leases;
    graceMs: number;
    blobGraceMs: number;
    keys: ContentKeys;
  }) {
    const { collections, stores } = parts;
    this.collections = collections;
    this.stores = stores;
    this.leases = parts.leases;
    this.graceMs = parts.graceMs;
    this.keys = parts.keys;
    const placement = new BlobPlacement(collections, parts.blobGraceMs);
    const copies = new BlobCopies(stores, placement, undefined, this.keys);
    const lost = new LostContents(collections, stores);
    const repair = new StorageRepair({ collections, stores, copies, placement, lost });
    const lostPreviews = new LostPreviews(collections.blobs, parts.blobGraceMs);
    const previews = new PreviewCheck(collections.blobs, lostPreviews);
    this.places = new PlaceCheck(collections, stores, repair, previews);
    this.references = new ReferenceCheck(collections, placement, lost);
    this.usage = new UsageCheck(collections);
  }

  /** Checks everything once; null, and nothing done, while another check runs anywhere. Rejects when aborted. */
  async run(
    options: CheckOptions,
    observer: CheckObserver,
    signal?: AbortSignal,
  ): Promise<CheckSummary | null> {
    return this.leases.hold(LEASE, (held) => this.check(options, observer, held), signal);
  }

  private async check(options: CheckOptions, observer: CheckObserver, signal: AbortSignal) {
    const run = new CheckRun(options, observer, signal);
    const stores: CheckSummary['stores'][number][] = [];
    const unreachable: CheckSummary['unreachable'][number][] = [];
    const chosen = options.provider ? [this.stores.of({ provider: options.provider })] : this.stores.all;
    for (const store of chosen) {
      const { provider, location } = store;
      const met: Met = { objects: 0, contents: 0, replicas: 0 };
      try {
        await run.work(this.ofStore(store, met, run), met, provider);
        stores.push({ provider, location, ...met });
      } catch (error) {
        if (!hasCode(error, 'STORAGE_UNAVAILABLE')) throw error;
        unreachable.push({ provider, reason: error.message });
      }
    }
    if (options.provider) return { stores, unreachable, lost: null };
    const met = { objects: 0, contents: 0, replicas: 0, lost: 0, providers: new Set<string>() };
    await run.work(this.references.suspicions(met, signal), met, 'references');
    await run.work(this.usage.suspicions(signal), met, 'accounts');
    for (const { provider } of this.stores.all) met.providers.delete(provider);
    const reason = 'Contents lie there, but it is not configured: name it in STORAGE_PROVIDERS.';
    unreachable.push(...[...met.providers].map((provider) => ({ provider, reason })));
    return { stores, unreachable, lost: met.lost };
  }

  private async *ofStore(store: BlobStore, met: Met, run: CheckRun): AsyncGenerator<Suspicion> {
    const before = new Date(Date.now() - this.graceMs);
    const deep = run.options.deep ?? false;
    const pass: PlacePass = { store, before, deep, keys: this.keys, met, signal: run.signal };
    yield* this.places.suspicions(pass);
    yield* this.oldInLostFound(store);
    const unfinished = await store.sweepUnfinished(before, { countOnly: true });
    if (unfinished > 0) yield this.unfinished(store, before);
    if (!deep) return;
    let read = 0;
    yield* wrongContents(this.collections.blobs, this.places, pass, () => {
      read += 1;
      run.progress(`${store.provider}: reading`, read);
    });
  }

  private async *oldInLostFound(store: BlobStore): AsyncGenerator<Suspicion> {
    const { provider } = store;
    const before = new Date(Date.now() - LOST_FOUND_MS);
    for await (const { key, modifiedAt } of store.list('lost-found/')) {
      if (modifiedAt >= before) continue;
      const finding = {
        kind: 'lost-found',
        what: `since ${modifiedAt.toISOString()}`,
        provider,
        key,
      } as const;
      const repair = async () => {
        await store.delete(key);
        return { outcome: 'repaired', note: 'deleted' } as const;
      };
      yield { confirm: async () => (await store.stat(key).catch(absent)) && { finding, repair } };
    }
  }

  private unfinished(store: BlobStore, before: Date): Suspicion {
    const { provider } = store;
    return {
      confirm: async () => {
        const count = await store.sweepUnfinished(before, { countOnly: true });
        if (count === 0) return null;
        const finding = { kind: 'unfinished', what: `${count} writes`, provider } as const;
        const repair = async () => {
          await store.sweepUnfinished(before);
          return { outcome: 'repaired', note: 'removed' } as const;
        };
        return { finding, repair };
      },
    };
  }
}
