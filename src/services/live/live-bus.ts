import type { FileChangeKind } from '../../models/file-change.ts';

/** That something happened to a file, and who may hear of it; ids in hex. */
export interface FileNews {
  readonly type: 'file';
  readonly kind: FileChangeKind;
  readonly file: string;
  readonly owner: string;
  /** The folder it lies in; null is the root. */
  readonly folder: string | null;
  /** The folder it lay in before, where that was another one. */
  readonly from?: string | null;
  /** Accounts besides the owner whom grants let see it, or let see it until this happened. */
  readonly audience: readonly string[];
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** That a named upload went on. */
export interface UploadNews {
  readonly type: 'upload';
  /** Whose upload it is. */
  readonly user: string;
  readonly clientUploadId: string;
  readonly file: string;
  /** Bytes so far, where no more than that is new. */
  readonly receivedBytes?: number;
}

/** That news of files may be missing to these accounts, or, where none are named, to everybody. */
export interface MissedNews {
  readonly type: 'missed';
  readonly accounts?: readonly string[];
}

/** What goes over the bus, as JSON. */
export type News = FileNews | UploadNews | MissedNews;

/**
 * Carries news to everybody who listens, on this node at once and on others as soon as may be. Nothing is kept: who
 * does not listen misses it, and whoever may have missed some is told that.
 */
export interface LiveBus {
  /** Whether other nodes may listen. */
  readonly isShared: boolean;
  /** Never fails and never waits. */
  publish(news: News): void;
  /** Hears all news from now on; the function it returns ends that. */
  onNews(listener: (news: News) => void): () => void;
}

/** A bus for one node. */
export class LocalBus implements LiveBus {
  readonly isShared = false;
  private readonly listeners = new Set<(news: News) => void>();

  publish(news: News): void {
    for (const listener of this.listeners) listener(news);
  }

  onNews(listener: (news: News) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
