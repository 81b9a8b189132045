import { pipeline } from 'node:stream/promises';
import { type BlobStore, newBlobKey, type OpenBlob } from '../../blobs/blob-store.ts';
import type { Stores } from '../../blobs/stores.ts';
import { AppError, hasCode } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';
import type { Place } from '../../models/place.ts';
import type { BlobPlacement } from './blob-placement.ts';
import { type ContentKeys, NO_KEYS, storedSize } from './content-keys.ts';
import { CopyCheck, type PassOptions } from './copy-check.ts';
import { copyState } from './copy-state.ts';

const RENEW_MS = 30_000;

/** A copy that cannot be read, or whose bytes are not the blob’s. */
export class SourceFailure extends Error {
  override readonly name = 'SourceFailure';
  /** Whether the copy is known to be missing or wrong, and not only out of reach. */
  readonly isDamaged: boolean;

  constructor(place: Place, problem: string, options: { isDamaged: boolean; cause?: unknown }) {
    super(`The copy ${place.key} at ${place.provider} ${problem}.`, { cause: options.cause });
    this.isDamaged = options.isDamaged;
  }
}

/** Makes and verifies copies of blobs’ bytes. */
export class BlobCopies {
  private readonly stores: Stores;
  private readonly placement: BlobPlacement;
  private readonly renewMs: number;
  private readonly keys: ContentKeys;

  /** A copy that is being made shows every `renewMs` that it is. */
  constructor(stores: Stores, placement: BlobPlacement, renewMs = RENEW_MS, keys = NO_KEYS) {
    this.stores = stores;
    this.placement = placement;
    this.renewMs = renewMs;
    this.keys = keys;
  }

  /**
   * Copies the blob’s bytes under a new key and resolves with their place once they are durable and known to be right.
   * The blob’s document names the place as a leftover from before the first byte until a switch makes it a copy; after
   * a rejection nothing is left, or what is left is still named there. Rejects with a SourceFailure where `from` is at
   * fault, and notes it when that is damaged; with the signal’s reason after an abort. Memory is that of one put.
   */
  async copy(blob: Blob, from: Place, to: BlobStore, options: PassOptions = {}): Promise<Place> {
    // Nothing is begun for what could not be checked.
    this.keys.of(blob);
    const place = { provider: to.provider, location: to.location, key: newBlobKey() };
    options.signal?.throwIfAborted();
    if (!(await this.placement.intend(blob, place))) {
      throw new AppError('CONFLICT', 'The blob is gone, or too many leftovers of it wait to be deleted.');
    }
    const vain = new AbortController();
    const renewal = setInterval(() => {
      const stop = (kept: boolean) => kept || vain.abort(new AppError('CONFLICT', 'The blob is gone.'));
      // A renewal that fails once is made up for by the next.
      this.placement.renew(blob, place).then(stop, () => undefined);
    }, this.renewMs);
    const signal = options.signal ? AbortSignal.any([options.signal, vain.signal]) : vain.signal;
    try {
      await this.transfer(blob, from, to, place.key, { ...options, signal });
      return place;
    } catch (error) {
      await this.discard(blob, place, { maybeLater: hasCode(error, 'STORAGE_UNAVAILABLE') });
      if (error instanceof SourceFailure && error.isDamaged) await this.noteDamage(blob, from);
      throw error;
    } finally {
      clearInterval(renewal);
    }
  }

  /** As `copy`, from the first of these places that can be read and is right; rejects with the last one’s failure. */
  async copyFromAny(
    blob: Blob,
    sources: readonly Place[],
    to: BlobStore,
    options: PassOptions = {},
  ): Promise<Place> {
    let failure: unknown = new AppError('STORAGE_UNAVAILABLE', 'There is no copy to read from.');
    for (const from of sources) {
      try {
        return await this.copy(blob, from, to, options);
      } catch (error) {
        if (!(error instanceof SourceFailure)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  /** Removes an object that was to become a copy; never rejects: what cannot be removed now stays named for the janitor. */
  async discard(blob: Blob, place: Place, { maybeLater = false } = {}): Promise<void> {
    try {
      await this.stores.delete(place);
      if (maybeLater) await this.placement.forgetLater(blob, place);
      else await this.placement.forget(blob, place);
    } catch {
      // Its intent says what to delete, and when.
    }
  }

  /** Whether every byte that lies there is the blob’s; rejects with STORAGE_UNAVAILABLE when that cannot be told now. */
  async verify(blob: Blob, place: Place, options: PassOptions = {}): Promise<boolean> {
    return (await this.stateOf(blob, place, { ...options, deep: true })) === 'whole';
  }

  /** Whether something of the blob’s size lies there; rejects with STORAGE_UNAVAILABLE when that cannot be told now. */
  async isThere(blob: Blob, place: Place): Promise<boolean> {
    return (await this.stateOf(blob, place, { deep: false })) === 'whole';
  }

  private async stateOf(blob: Blob, place: Place, options: PassOptions & { deep: boolean }) {
    return copyState(this.stores.of(place), place.key, blob, { ...options, keys: this.keys });
  }

  private async transfer(blob: Blob, from: Place, to: BlobStore, key: string, options: PassOptions) {
    const { signal } = options;
    const dataKey = this.keys.of(blob);
    const source = await this.openSource(blob, from);
    const check = new CopyCheck({ ...blob, key: dataKey }, options);
    let sourceError: unknown;
    source.stream.once('error', (error) => {
      // Torn down together, each end fails; the source is at fault only where it failed first.
      if (!check.destroyed) sourceError = error;
    });
    const put = to.put(key, check, { ...(signal && { signal }), atMost: storedSize(blob) });
    // A store that fails stops reading; the source must hear of it or it would wait for ever.
    put.catch((error) => check.destroy(error));
    const [stored, read] = await Promise.allSettled([
      put,
      pipeline(source.stream, check, signal ? { signal } : {}),
    ]);
    // A put that fails at once leaves a check that no pipeline can begin with, and so the source open.
    source.stream.destroy();
    signal?.throwIfAborted();
    if (sourceError) throw new SourceFailure(from, 'broke off', { isDamaged: false, cause: sourceError });
    if (stored.status === 'rejected') throw stored.reason;
    if (read.status === 'rejected') throw read.reason;
    if (!check.matches) throw new SourceFailure(from, `has ${check.difference}`, { isDamaged: true });
    if (stored.value !== storedSize(blob)) {
      const expected = `${storedSize(blob)} bytes`;
      throw new AppError('STORAGE_UNAVAILABLE', `The storage kept ${stored.value} of ${expected}.`);
    }
  }

  private async openSource(blob: Blob, from: Place): Promise<OpenBlob> {
    let opened: OpenBlob;
    try {
      opened = await this.stores.of(from).open(from.key);
    } catch (cause) {
      const isDamaged = hasCode(cause, 'NOT_FOUND');
      throw new SourceFailure(from, isDamaged ? 'is missing' : 'cannot be read', { isDamaged, cause });
    }
    if (opened.size === storedSize(blob)) return opened;
    opened.stream.destroy();
    const problem = `has ${opened.size} bytes instead of ${storedSize(blob)}`;
    throw new SourceFailure(from, problem, { isDamaged: true });
  }

  /** A replica is given up for good, so it must be wrong twice. Never rejects: the failure itself is what counts. */
  private async noteDamage(blob: Blob, place: Place): Promise<void> {
    try {
      const isFirst = place.provider === blob.provider && place.key === blob.key;
      if (isFirst || !(await this.verify(blob, place))) await this.placement.noteDamage(blob, place);
    } catch {
      // Whoever meets it next notes it.
    }
  }
}
