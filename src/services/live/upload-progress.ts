import { isDeepStrictEqual } from 'node:util';
import type { Viewer } from '../viewer.ts';
import type { LiveObserver } from './file-changes.ts';
import type { FileNews, LiveBus, UploadNews } from './live-bus.ts';
import type { LivePlaces } from './live-places.ts';
import { hasEnded, type UploadStanding, type UploadStandings } from './upload-standing.ts';

// What no news come of, such as a second copy that was made or, without a Redis, what another node did, is found so.
const LOOK_EVERY_MS = 2_000;

/** Follows one upload: whoever asks gets where it stands now, however often it changed since they last asked. */
class Following implements AsyncIterableIterator<UploadStanding> {
  readonly clientUploadId: string;
  private readonly look: () => Promise<UploadStanding | null>;
  private readonly left: () => void;
  private last: UploadStanding | null = null;
  private isOver = false;
  private isNew = true;
  private bytes: number | null = null;
  private wake = () => {};

  constructor(clientUploadId: string, look: () => Promise<UploadStanding | null>, left: () => void) {
    this.clientUploadId = clientUploadId;
    this.look = look;
    this.left = left;
  }

  hear({ file, receivedBytes }: Pick<UploadNews, 'file' | 'receivedBytes'>): void {
    const isOfLast = this.last?.fileId === file && this.last.phase === 'RECEIVING';
    if (receivedBytes !== undefined && isOfLast) this.bytes = receivedBytes;
    else this.isNew = true;
    this.wake();
  }

  /** Something of its file is new. */
  hearOfFile({ file }: FileNews): void {
    if (this.last?.fileId !== file) return;
    this.isNew = true;
    this.wake();
  }

  async next(): Promise<IteratorResult<UploadStanding, undefined>> {
    try {
      for (;;) {
        if (this.isOver || (this.last && hasEnded(this.last))) return this.over();
        const now = await this.standing();
        if (this.isOver) return this.over();
        if (now && !isDeepStrictEqual(now, this.last)) {
          this.last = now;
          return { done: false, value: now };
        }
        await this.woken();
      }
    } catch (error) {
      this.over();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<UploadStanding, undefined>> {
    return this.over();
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  private async standing(): Promise<UploadStanding | null> {
    const { last, bytes } = this;
    this.bytes = null;
    if (this.isNew || !last) {
      this.isNew = false;
      const found = await this.look();
      // Of a state that was written before the bytes that were told last.
      const isBehind = found?.phase === 'RECEIVING' && last?.fileId === found.fileId;
      return isBehind
        ? { ...found, receivedBytes: Math.max(found.receivedBytes, last.receivedBytes) }
        : found;
    }
    return bytes === null ? last : { ...last, receivedBytes: bytes, at: new Date() };
  }

  private woken(): Promise<void> {
    if (this.isNew || this.bytes !== null || this.isOver) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.isNew = true;
        resolve();
      }, LOOK_EVERY_MS);
      this.wake = () => {
        clearTimeout(timer);
        this.wake = () => {};
        resolve();
      };
    });
  }

  private over(): { done: true; value: undefined } {
    this.isOver = true;
    this.wake();
    this.left();
    return { done: true, value: undefined };
  }
}

/** Who on this node follows an upload of their own. */
export class UploadProgressService {
  private readonly standings: UploadStandings;
  private readonly places: LivePlaces;
  private readonly observer: LiveObserver;
  private readonly following = new Map<string, Set<Following>>();

  constructor(parts: {
    standings: UploadStandings;
    bus: LiveBus;
    places: LivePlaces;
    observer: LiveObserver;
  }) {
    this.standings = parts.standings;
    this.places = parts.places;
    this.observer = parts.observer;
    parts.bus.onNews((news) => {
      if (news.type === 'upload') this.hear(news);
      else if (news.type === 'file') this.hearOfFile(news);
    });
  }

  /**
   * How far the viewer’s own upload of this name has come, as soon as there is one: first as it stands, then whenever that
   * changes, until it has ended. RATE_LIMITED with too many subscriptions.
   */
  follow(viewer: Viewer, clientUploadId: string): AsyncIterableIterator<UploadStanding> {
    const account = viewer.userId.toHexString();
    const giveBack = this.places.take(account);
    const all = this.following.get(account) ?? new Set();
    const own = new Following(
      clientUploadId,
      () => this.standings.find(viewer.userId, clientUploadId),
      () => {
        giveBack();
        all.delete(own);
        if (all.size === 0 && this.following.get(account) === all) this.following.delete(account);
      },
    );
    this.following.set(account, all.add(own));
    return this.observed(own);
  }

  private observed(own: Following): AsyncIterableIterator<UploadStanding> {
    return {
      next: async () => {
        const next = await own.next();
        if (!next.done) this.observer.delivered();
        return next;
      },
      return: () => own.return(),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  private hear(news: UploadNews): void {
    for (const own of this.following.get(news.user) ?? []) {
      if (own.clientUploadId === news.clientUploadId) own.hear(news);
    }
  }

  private hearOfFile(news: FileNews): void {
    // Who sends a file into somebody else’s folder may be told of it as one of the audience.
    for (const account of new Set([news.owner, ...news.audience])) {
      for (const own of this.following.get(account) ?? []) own.hearOfFile(news);
    }
  }
}
