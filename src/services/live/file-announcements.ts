import type { Collections } from '../../models/collections.ts';
import { FileChangeKind } from '../../models/file-change.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { type FileAction, may } from '../access.ts';
import type { HeldPermissions, Placed } from '../sharing/permissions/held-permissions.ts';
import type { FileEvent, FileEvents } from './file-events.ts';
import type { FileNews, LiveBus } from './live-bus.ts';

/** What leaves nobody but the owner anything to see. */
const GONE: readonly FileChangeKind[] = [FileChangeKind.TRASHED, FileChangeKind.PURGED];
const VIEW: FileAction = 'view';

interface Line {
  length: number;
  last: Promise<void>;
  /** Whether some event found no place in it. */
  isCut: boolean;
}

/** Of one account, as many events at most wait until it is known who may hear of them. */
const MOST_WAITING = 10_000;

/** Puts what happens to files on this node on the bus, with whom it is for, in the order it happened. */
export class FileAnnouncements {
  private readonly grants: Collections['grants'];
  private readonly access: Pick<HeldPermissions, 'counted'>;
  private readonly bus: LiveBus;
  private readonly isWanted: () => boolean;
  private readonly failed: (error: unknown) => void;
  private readonly lines = new Map<string, Line>();

  /** `isWanted` tells whether anybody on this node listens; `failed` hears why an event could not be announced. */
  constructor(parts: {
    grants: Collections['grants'];
    access: Pick<HeldPermissions, 'counted'>;
    events: Pick<FileEvents, 'onEvent'>;
    bus: LiveBus;
    isWanted: () => boolean;
    failed: (error: unknown) => void;
  }) {
    this.grants = parts.grants;
    this.access = parts.access;
    this.bus = parts.bus;
    this.isWanted = parts.isWanted;
    this.failed = parts.failed;
    parts.events.onEvent((event) => this.announce(event));
  }

  /** Resolves once it is known who may hear of it, or that too much is waiting. */
  private announce(event: FileEvent): void | Promise<void> {
    if (!this.bus.isShared && !this.isWanted()) return;
    const owner = event.owner.toHexString();
    const line = this.lines.get(owner) ?? { length: 0, last: Promise.resolve(), isCut: false };
    if (line.length >= MOST_WAITING) {
      line.isCut = true;
      return;
    }
    line.length += 1;
    this.lines.set(owner, line);
    // What is removed takes its grants with it: they are looked at now, and only the telling waits for its turn.
    const audience = this.audienceOf(event).catch((error) => {
      this.failed(error);
      line.isCut = true;
      return null;
    });
    line.last = line.last.then(async () => {
      const known = await audience;
      if (known) this.bus.publish(newsOf(event, known));
      line.length -= 1;
      if (line.length > 0) return;
      this.lines.delete(owner);
      if (line.isCut) await this.tellCut(event.owner);
    });
    return line.last;
  }

  /** Tells whoever may have heard of the account’s files that something is missing. */
  private async tellCut(owner: ObjectId): Promise<void> {
    const given = await this.grants.distinct('grantee', { userId: owner }).catch((error) => {
      this.failed(error);
      return [] as ObjectId[];
    });
    const accounts = [owner, ...given].map((id) => id.toHexString());
    this.bus.publish({ type: 'missed', accounts });
  }

  private async audienceOf(event: FileEvent): Promise<string[]> {
    const { kind, owner, folder, from, isDeleted } = event;
    // What was in the trash nobody else saw.
    if (kind === FileChangeKind.PURGED && isDeleted) return [];
    if (!(await this.grants.exists({ userId: owner }))) return [];
    const beforeTrash = GONE.includes(kind);
    const places = from === undefined ? [folder] : [folder, from];
    const things = places.map((place) => placed(event, place));
    const counted = await this.access.counted(things, { beforeTrash });
    const seen = counted.flatMap((steps, i) =>
      steps.filter(({ grantee, permission }) =>
        may({ userId: grantee }, VIEW, things[i] as Placed, permission),
      ),
    );
    return [...new Set(seen.map(({ grantee }) => grantee.toHexString()))];
  }
}

/** The file as it was for others before it went into the trash. */
const placed = ({ file, owner, access }: FileEvent, folder: FileEvent['folder']): Placed => ({
  _id: file,
  userId: owner,
  folder,
  isDeleted: false,
  ...(access && { access }),
});

const newsOf = (event: FileEvent, audience: readonly string[]): FileNews => ({
  type: 'file',
  kind: event.kind,
  file: event.file.toHexString(),
  owner: event.owner.toHexString(),
  folder: event.folder?.toHexString() ?? null,
  ...(event.from !== undefined && { from: event.from?.toHexString() ?? null }),
  audience,
  at: event.at.getTime(),
});
