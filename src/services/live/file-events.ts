import type { FileChangeKind } from '../../models/file-change.ts';
import type { FileAccess } from '../../models/file-details.ts';
import type { ObjectId } from '../../models/object-id.ts';

/** Something that happened to a file. */
export interface FileEvent {
  readonly kind: FileChangeKind;
  readonly file: ObjectId;
  /** Whose file it is. */
  readonly owner: ObjectId;
  readonly folder: ObjectId | null;
  /** The folder it lay in before, where it was moved. */
  readonly from?: ObjectId | null;
  /** Whether it lies in the trash; of one that was removed: whether it lay there. */
  readonly isDeleted: boolean;
  readonly access?: FileAccess;
  readonly at: Date;
}

/** A file, as far as it is told of. */
export interface Told {
  readonly _id: ObjectId;
  readonly userId: ObjectId;
  readonly folder?: ObjectId | null;
  readonly isDeleted?: boolean;
  readonly access?: FileAccess;
}

type Listener = (event: FileEvent) => void | Promise<void>;

/**
 * Where what happens to files on this node is told to whoever listens here: subscriptions, webhooks. Telling never fails;
 * listeners look after their own failures.
 */
export class FileEvents {
  private readonly listeners = new Set<Listener>();

  /** Hears of every event from now on; the function it returns ends that. */
  onEvent(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Tells that this happened to the file, once it is written; `from` is the folder that it was moved from. What is returned
   * may be ignored: it resolves when every listener has looked at what it must see before more is changed.
   */
  tell(kind: FileChangeKind, told: Told, from?: ObjectId | null): void | Promise<void> {
    const { _id, userId, folder = null, isDeleted = false, access } = told;
    const event: FileEvent = {
      kind,
      file: _id,
      owner: userId,
      folder,
      ...(from !== undefined && { from }),
      isDeleted,
      ...(access && { access }),
      at: new Date(),
    };
    const looking = [...this.listeners].flatMap((listener) => listener(event) ?? []);
    if (looking.length > 0) return Promise.all(looking).then(() => undefined);
  }
}
