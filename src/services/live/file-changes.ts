import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import { LISTED, type StoredFile } from '../../models/file.ts';
import { FileChangeKind } from '../../models/file-change.ts';
import { ObjectId, parseId } from '../../models/object-id.ts';
import { may } from '../access.ts';
import type { FolderTree } from '../folders/folder-tree.ts';
import { best, type Step } from '../sharing/permissions/counted-grants.ts';
import type { HeldPermissions } from '../sharing/permissions/held-permissions.ts';
import type { Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';
import { EventQueue } from './event-queue.ts';
import type { FileNews, LiveBus, MissedNews } from './live-bus.ts';
import type { LivePlaces } from './live-places.ts';

/** A change of a file, as one subscriber may see it. */
export interface SeenChange {
  readonly kind: FileChangeKind;
  readonly fileId: string;
  /** As it is now; null where it is gone, in the trash of somebody else, or not to be seen any more. */
  readonly file: StoredFile | null;
  readonly at: Date;
}

/** Which changes somebody wants to hear of. */
export interface ChangesWanted {
  /** Of files in this folder alone. */
  readonly folderId?: string | null | undefined;
  /** Of files in folders below it, too. */
  readonly recursive?: boolean | null | undefined;
}

/** Told of each event that a subscriber was given, and of each that it will never get. */
export interface LiveObserver {
  delivered(): void;
  dropped(events: number): void;
}

/** A file as it was found at some time, with what grants let people do with it then. */
interface Look {
  readonly at: number;
  readonly file: Promise<StoredFile | null>;
  steps?: Promise<Step[]>;
}

/** What happened, shared by all who hear of it here, with what had to be looked up for them. */
interface Heard {
  readonly news: FileNews;
  look?: Look;
  path?: Promise<string[]>;
}

interface Subscriber {
  readonly viewer: Viewer;
  readonly folder: string | null;
  readonly recursive: boolean;
  readonly queue: EventQueue<Heard>;
}

const MOST_WAITING = 256;
// Long enough that everybody who is told at once shares one look.
const FRESH_MS = 250;
// So that not everybody comes back at once.
const RETRY_SECONDS = 5;
const GONE: readonly FileChangeKind[] = [FileChangeKind.TRASHED, FileChangeKind.PURGED];

/** Who on this node wants to hear of changes of files; what each of them may see is decided anew for every event. */
export class FileChanges {
  private readonly collections: Pick<Collections, 'files' | 'folders'>;
  private readonly access: Pick<HeldPermissions, 'may' | 'counted'>;
  private readonly tree: Pick<FolderTree, 'above'>;
  private readonly places: LivePlaces;
  private readonly observer: LiveObserver;
  private readonly subscribers = new Map<string, Set<Subscriber>>();

  constructor(parts: {
    collections: Pick<Collections, 'files' | 'folders'>;
    access: Pick<HeldPermissions, 'may' | 'counted'>;
    tree: Pick<FolderTree, 'above'>;
    bus: LiveBus;
    places: LivePlaces;
    observer: LiveObserver;
  }) {
    this.collections = parts.collections;
    this.access = parts.access;
    this.tree = parts.tree;
    this.places = parts.places;
    this.observer = parts.observer;
    parts.bus.onNews((news) => {
      if (news.type === 'file') this.hear(news);
      else if (news.type === 'missed') this.miss(news);
    });
  }

  /** Whether anybody here listens. */
  get isWanted(): boolean {
    return this.subscribers.size > 0;
  }

  /**
   * The changes, from now on, of the viewer’s files and of those that it was given; NOT_FOUND for a folder that it may not
   * see, RATE_LIMITED with too many subscriptions. It fails with CONFLICT once changes may be missing.
   */
  async subscribe(viewer: Viewer, wanted: ChangesWanted): Promise<AsyncIterableIterator<SeenChange>> {
    const folder = wanted.folderId == null ? null : await this.folderOf(viewer, wanted.folderId);
    const account = viewer.userId.toHexString();
    const giveBack = this.places.take(account);
    const queue = new EventQueue<Heard>(MOST_WAITING);
    const subscriber = { viewer, folder, recursive: wanted.recursive ?? false, queue };
    const all = this.subscribers.get(account) ?? new Set();
    this.subscribers.set(account, all.add(subscriber));
    const leave = () => {
      queue.close();
      giveBack();
      all.delete(subscriber);
      if (all.size === 0 && this.subscribers.get(account) === all) this.subscribers.delete(account);
    };
    return this.changesFor(subscriber, leave);
  }

  // Not an async generator: that could not be ended while it waits.
  private changesFor(subscriber: Subscriber, leave: () => void): AsyncIterableIterator<SeenChange> {
    return {
      next: async () => {
        try {
          const value = await this.next(subscriber);
          if (value) return { done: false, value };
        } catch (error) {
          leave();
          throw error;
        }
        leave();
        return { done: true, value: undefined };
      },
      return: async () => {
        leave();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  private async next(subscriber: Subscriber): Promise<SeenChange | null> {
    for (;;) {
      const heard = await subscriber.queue.take();
      if (!heard) return null;
      const seen = (await this.isWithin(subscriber, heard)) && (await this.see(subscriber, heard));
      if (!seen) continue;
      this.observer.delivered();
      return seen;
    }
  }

  private async folderOf(viewer: Viewer, id: string): Promise<string> {
    const _id = parseId(id);
    const folder = _id && (await this.collections.folders.findOne({ _id, isDeleted: false }).lean());
    if (!folder || !(await this.access.may(viewer, 'view', folder))) throw noFolder();
    return folder._id.toHexString();
  }

  private hear(news: FileNews): void {
    const heard: Heard = { news };
    for (const account of new Set([news.owner, ...news.audience])) {
      for (const { queue } of this.subscribers.get(account) ?? []) {
        if (!queue.push(heard)) this.drop(queue);
      }
    }
  }

  private miss({ accounts }: MissedNews): void {
    for (const account of accounts ?? [...this.subscribers.keys()]) {
      for (const { queue } of this.subscribers.get(account) ?? []) this.drop(queue);
    }
  }

  private drop(queue: EventQueue<Heard>): void {
    this.observer.dropped(queue.size + 1);
    queue.close(missed());
  }

  private async isWithin({ folder, recursive }: Subscriber, heard: Heard): Promise<boolean> {
    const { news } = heard;
    if (folder === null || news.folder === folder || news.from === folder) return true;
    if (!recursive) return false;
    heard.path ??= this.pathOf(news);
    return (await heard.path).includes(folder);
  }

  private async pathOf({ owner, folder, from }: FileNews): Promise<string[]> {
    const places = [folder, from ?? null].flatMap((id) => (id === null ? [] : [new ObjectId(id)]));
    const paths = await Promise.all(places.map((place) => this.tree.above(new ObjectId(owner), place)));
    return paths.flat().map((id) => id.toHexString());
  }

  private async see({ viewer }: Subscriber, heard: Heard): Promise<SeenChange | null> {
    const { kind, file: fileId, owner, at, from } = heard.news;
    const isOwner = viewer.userId.equals(owner);
    const seen = { kind, fileId, at: new Date(at) };
    // Who else could see it was found out before it went, and there is nothing left of it to show them.
    if (kind === FileChangeKind.PURGED || (GONE.includes(kind) && !isOwner)) return { ...seen, file: null };
    const look = this.lookAt(heard);
    const file = await look.file;
    const isSeen = file !== null && (isOwner || (await this.mayView(viewer, file, look)));
    if (isSeen) return { ...seen, file };
    // Whom it was moved away from, or whom it was lost by, has to forget it; all others never knew it.
    return isOwner || from !== undefined ? { ...seen, file: null } : null;
  }

  /** However many hear of it at once, its file and its grants are looked up together for all of them. */
  private async mayView(viewer: Viewer, file: StoredFile, look: Look): Promise<boolean> {
    look.steps ??= this.access.counted([file]).then(([steps = []]) => steps);
    const own = (await look.steps).filter(({ grantee }) => grantee.equals(viewer.userId));
    return may(viewer, 'view', file, best(own));
  }

  private lookAt(heard: Heard): Look {
    const at = performance.now();
    if (!heard.look || at - heard.look.at >= FRESH_MS)
      heard.look = { at, file: this.find(new ObjectId(heard.news.file)) };
    return heard.look;
  }

  private async find(_id: ObjectId): Promise<StoredFile | null> {
    const file = await this.collections.files.findOne({ _id, ...LISTED }).lean();
    if (!file || (!file.isDeleted && file.expiryDate && file.expiryDate <= new Date())) return null;
    return withId(file);
  }
}

const noFolder = () => new AppError('NOT_FOUND', 'There is no such folder.');

const missed = () =>
  new AppError('CONFLICT', 'Changes may have been missed: subscribe again, then read anew what you show.', {
    retryAfter: 1 + Math.floor(Math.random() * RETRY_SECONDS),
  });
