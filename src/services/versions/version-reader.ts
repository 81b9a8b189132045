import { AppError } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import type { StoredFile } from '../../models/file.ts';
import type { FileVersion } from '../../models/file-version.ts';
import { ObjectId, parseId } from '../../models/object-id.ts';
import type { HeldPermissions } from '../sharing/permissions/held-permissions.ts';
import type { Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';

type Reader = Pick<Viewer, 'userId'> | null;

/** The earlier contents of files, for whoever may meet them. */
export class VersionReader {
  private readonly collections: Pick<Collections, 'blobs' | 'files'>;
  private readonly access: Pick<HeldPermissions, 'may'>;

  constructor(collections: Pick<Collections, 'blobs' | 'files'>, access: Pick<HeldPermissions, 'may'>) {
    this.collections = collections;
    this.access = access;
  }

  /** The versions of each of the files, the newest first, whoever may see them. */
  async ofFiles(ids: readonly string[]): Promise<FileVersion[][]> {
    const found = await this.collections.files
      .find({ _id: { $in: ids.map((id) => new ObjectId(id)) } }, { versions: 1 })
      .lean();
    const files = new Map(found.map((file) => [file._id.toHexString(), file]));
    return ids.map((id) =>
      (files.get(id)?.versions ?? [])
        .filter(({ purgingAt }) => !purgingAt)
        .map((version) => ({ ...withId(version), fileId: id })),
    );
  }

  /** Whether the viewer may meet versions of the file: what was replaced may be what others were not to see. */
  mayMeet(viewer: Reader, file: StoredFile): Promise<boolean> {
    return this.access.may(viewer, 'update', file);
  }

  /**
   * The file as it was with that version, to be served; NOT_FOUND where the viewer may not meet it, FILE_LOCKED while it
   * waits for a scan.
   */
  async asItWas(viewer: Reader, file: StoredFile, versionId: string): Promise<StoredFile> {
    if (!(await this.mayMeet(viewer, file))) throw noVersion();
    const version = await this.find(file, versionId);
    if (isAwaiting(version, await this.collections.blobs.findById(version.blob, VERDICT).lean())) {
      throw awaitsScan();
    }
    const { blob, fileSize, fileHash, mimeType, createdAt } = version;
    // Public is only what the file is now.
    return { ...file, blob, fileSize, fileHash, mimeType, contentAt: createdAt, isPublic: false };
  }

  /** The version of the file; NOT_FOUND where there is none. */
  async find({ _id }: Pick<StoredFile, '_id'>, versionId: string): Promise<FileVersion> {
    const id = parseId(versionId);
    const [versions = []] = id ? await this.ofFiles([_id.toHexString()]) : [];
    const version = versions.find((each) => each._id.equals(id as ObjectId));
    if (!version) throw noVersion();
    return version;
  }
}

const VERDICT = { virus: 1, releasedAt: 1 } as const;

/** Whether nobody may have the version before its blob was scanned. */
export function isAwaiting(
  { isAwaitingScan }: FileVersion,
  blob: Pick<Blob, 'virus' | 'releasedAt'> | null,
): boolean {
  return Boolean(isAwaitingScan) && !blob?.virus?.isScanned && !blob?.releasedAt;
}

/** The error for every version that is not there for the viewer, whether it exists or not. */
export const noVersion = () => new AppError('NOT_FOUND', 'There is no such version.');
/** The error of a version that nobody may have yet. */
export const awaitsScan = () =>
  new AppError(
    'FILE_LOCKED',
    'The version’s content waits for a virus scan. An administrator may release it.',
  );
