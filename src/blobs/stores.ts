import type { BlobStore } from './blob-store.ts';
import { type AllSettings, openStore, type ProviderName } from './providers.ts';
import { unavailable } from './storage-failure.ts';

/** Every store that is configured, by the name of its provider. */
export class Stores {
  /** Where new blobs go. */
  readonly primary: BlobStore;
  /** Where a second copy of each goes; null when there is to be none. */
  readonly backup: BlobStore | null;
  readonly #stores: ReadonlyMap<string, BlobStore>;

  /** The first store is the one of new blobs; `backup` is the provider of one of the others. */
  constructor(stores: readonly [BlobStore, ...BlobStore[]], backup: string | null = null) {
    this.primary = stores[0];
    this.#stores = new Map(stores.map((store) => [store.provider, store]));
    this.backup = backup === null ? null : this.of({ provider: backup });
  }

  /** Each store once, the one of new blobs first. */
  get all(): readonly BlobStore[] {
    return [...this.#stores.values()];
  }

  /** The store in which something of this provider lies; throws STORAGE_UNAVAILABLE when it is not configured. */
  of({ provider }: { readonly provider: string }): BlobStore {
    const store = this.#stores.get(provider);
    if (store) return store;
    throw unavailable(new Error(`The provider ${provider} is not configured: name it in STORAGE_PROVIDERS.`));
  }

  /** Removes an object; an absent one is success. */
  async delete(place: { readonly provider: string; readonly key: string }): Promise<void> {
    await this.of(place).delete(place.key);
  }

  /** Gives back what the stores hold. */
  async close(): Promise<void> {
    await Promise.all(this.all.map((store) => store.close()));
  }
}

/** Opens the stores of these providers, the one of new blobs first; rejects with STORAGE_UNAVAILABLE if one cannot be used. */
export async function openStores(
  names: readonly ProviderName[],
  backup: ProviderName | null,
  settings: AllSettings,
): Promise<Stores> {
  const opened: BlobStore[] = [];
  try {
    for (const name of names) opened.push(await openStore(name, settings));
    return new Stores(opened as [BlobStore, ...BlobStore[]], backup);
  } catch (error) {
    await Promise.allSettled(opened.map((store) => store.close()));
    throw error;
  }
}
