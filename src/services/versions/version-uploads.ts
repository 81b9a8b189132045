import { newBlobKey } from '../../blobs/blob-store.ts';
import type { Stores } from '../../blobs/stores.ts';
import { hasCode } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import type { StoredFile } from '../../models/file.ts';
import { FileChangeKind } from '../../models/file-change.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { AccountWatch } from '../accounts/account-watch.ts';
import { draftOf, type FileDraft, type UploadFacts } from '../files/file-drafts.ts';
import { type FileService, notFound } from '../files/files.ts';
import type { Ledger } from '../ledger.ts';
import type { FileEvents } from '../live/file-events.ts';
import type { UploadStates } from '../live/upload-states.ts';
import { Reservation } from '../quota.ts';
import type { UploadRecords } from '../uploads/upload-records.ts';
import { NothingNew, takenForDead } from '../uploads/upload-refusals.ts';
import type { Change, UploadRun } from '../uploads/upload-run.ts';
import type { UploadUndo } from '../uploads/upload-undo.ts';
import {
  type IncomingContent,
  type IncomingFile,
  type UploadService,
  unlessAborted,
} from '../uploads/uploads.ts';
import type { Viewer } from '../viewer.ts';
import { CHANGEABLE, type Committed, commitContent } from './version-commit.ts';
import type { VersionPurge } from './version-purge.ts';

/** What a client may say of a content that it uploads over a file. */
export type VersionFacts = Pick<UploadFacts, 'sha256' | 'clientUploadId'>;

/** What uploads over files are taken in with. */
export interface VersionUploadParts {
  readonly files: Collections['files'];
  readonly service: Pick<FileService, 'get'>;
  readonly uploads: Pick<UploadService, 'requireMay'>;
  readonly records: UploadRecords;
  readonly stores: Stores;
  readonly usage: Ledger;
  readonly undo: UploadUndo;
  readonly run: UploadRun;
  readonly watch: AccountWatch;
  readonly purge: VersionPurge;
  readonly events: Pick<FileEvents, 'tell'>;
  /** Where named uploads are noted. */
  readonly states?: Pick<UploadStates, 'of'>;
  /** How many earlier contents a file keeps. */
  readonly kept: number;
  /** Hears of what could not be tidied up after a content had come; the sweep does it later. */
  readonly onProblem: (error: unknown) => void;
}

/**
 * Takes in contents that files are to have from now on. One comes in with a hidden document of its own, as every upload
 * does, until one step on the file makes it the present content.
 */
export class VersionUploads {
  private readonly parts: VersionUploadParts;

  constructor(parts: VersionUploadParts) {
    this.parts = parts;
  }

  /**
   * Streams a new content of the file into the store and resolves with the file once it has it; what it had is its newest
   * version then. A file that has this content already stays as it is. Rejects as any upload does, and then the file is
   * as it was; with NOT_FOUND where the viewer may not, or it was removed meanwhile.
   */
  async upload(
    viewer: Viewer,
    fileId: string,
    incoming: IncomingFile,
    facts: VersionFacts,
    signal: AbortSignal,
  ): Promise<StoredFile> {
    const { uploads, watch, run } = this.parts;
    uploads.requireMay(viewer);
    await this.find(viewer, fileId);
    return watch.run(viewer, signal, async (signal) => {
      const content = await unlessAborted(incoming.open(), signal);
      // It may have been put elsewhere, and be somebody else’s, while the content was waited for.
      const file = await this.find(viewer, fileId);
      return run.track(this.take(viewer, file, content, facts, signal));
    });
  }

  private async take(
    viewer: Viewer,
    file: StoredFile,
    content: IncomingContent,
    facts: VersionFacts,
    signal: AbortSignal,
  ): Promise<StoredFile> {
    const { stores, run, usage, undo, service, events } = this.parts;
    const key = newBlobKey();
    const to = { owner: file.userId, folder: file.folder ?? null };
    const draft = draftOf(to, file.originalName, {}, stores.primary, key);
    const name = { userId: viewer.userId, file: file._id };
    const notes = this.parts.states?.of(name, facts.clientUploadId) ?? null;
    let committed: Committed | undefined;
    try {
      await run.take({
        file: draft._id,
        owner: to.owner,
        key,
        source: content.stream,
        declaredType: content.mimeType,
        sha256: facts.sha256,
        reservation: new Reservation(usage, to.owner, draft._id),
        registered: Promise.all([this.register(draft, file._id), notes?.begin()]),
        notes,
        signal,
        place: async (change) => {
          committed = await this.commit(viewer, file, draft._id, change);
        },
        giveUp: (_error, remains) => undo.undo(draft._id, remains),
      });
    } catch (error) {
      // What is infected is a file of its own in quarantine, which never becomes a content of this one.
      if (hasCode(error, 'INFECTED')) await this.forget(file._id, draft._id);
      if (!(error instanceof NothingNew)) throw error;
    }
    if (committed) {
      await this.tidy(draft._id, committed).catch(this.parts.onProblem);
      events.tell(FileChangeKind.UPDATED, file);
    }
    return service.get(viewer, file.id);
  }

  /** The draft first, so that whatever the file names there is one of. */
  private async register(draft: FileDraft, versionOf: ObjectId): Promise<void> {
    const { files, records } = this.parts;
    await records.insert({ ...draft, versionOf } as FileDraft);
    const { matchedCount } = await files.collection.updateOne(
      { _id: versionOf, ...CHANGEABLE },
      { $push: { incomingContents: draft._id } as never },
    );
    if (matchedCount === 0) throw notFound();
  }

  private async commit(viewer: Viewer, file: StoredFile, id: ObjectId, change: Change): Promise<Committed> {
    const { files, kept } = this.parts;
    // An upload may last for hours: who may no more has lost the right to it by now.
    await this.find(viewer, file.id);
    const committed = await commitContent(files, file, { id, by: viewer.userId, change, kept });
    if (committed) return committed;
    const { fileHash, fileSize } = await this.find(viewer, file.id);
    const isSame = fileHash === change.set.fileHash && fileSize === change.set.fileSize;
    throw isSame ? new NothingNew() : takenForDead();
  }

  private async tidy(draft: ObjectId, { file, marked }: Committed): Promise<void> {
    const { files, purge } = this.parts;
    await files.deleteOne({ _id: draft });
    await purge.finish(file, marked);
  }

  private async forget(file: ObjectId, id: ObjectId): Promise<void> {
    const { files } = this.parts;
    await files.collection.updateOne({ _id: file }, { $pull: { incomingContents: id } as never });
    await files.collection.updateOne({ _id: id }, { $unset: { versionOf: '' } });
  }

  /** The file, where the viewer may give it another content. */
  private async find(viewer: Viewer, id: string): Promise<StoredFile> {
    const file = await this.parts.service.get(viewer, id, 'update');
    if (file.isDeleted) throw notFound();
    return file;
  }
}
