import { AppError } from '../../../errors.ts';
import type { Collections } from '../../../models/collections.ts';
import { LISTED, type StoredFile } from '../../../models/file.ts';
import type { Folder } from '../../../models/folder.ts';
import { ShareKind } from '../../../models/grant.ts';
import { type ObjectId, parseId } from '../../../models/object-id.ts';
import { withId } from '../../with-id.ts';

/** Which file or folder somebody means: exactly one of the two. */
export interface Named {
  readonly fileId?: string | null | undefined;
  readonly folderId?: string | null | undefined;
}

/** A file or a folder that can be shared. */
export type SharedThing = StoredFile | Folder;

/** The error for what is not there for somebody, whether it exists or not. */
export const nothingThere = () => new AppError('NOT_FOUND', 'There is no such file or folder.');

/** The id that is meant, null where it cannot be one, and of which kind it is; BAD_USER_INPUT unless exactly one is named. */
export function namedThing({ fileId, folderId }: Named): { kind: ShareKind; _id: ObjectId | null } {
  if ((fileId == null) === (folderId == null)) {
    const message = 'Name either a file or a folder.';
    throw new AppError('BAD_USER_INPUT', message, { issues: [{ field: 'input.fileId', message }] });
  }
  const kind = fileId == null ? ShareKind.FOLDER : ShareKind.FILE;
  return { kind, _id: parseId(fileId ?? folderId) };
}

/** The files and the folders with these ids, by their ids, in the trash or not. */
export async function thingsWith(
  { files, folders }: Pick<Collections, 'files' | 'folders'>,
  ids: readonly { readonly kind: ShareKind; readonly _id: ObjectId }[],
): Promise<Map<string, SharedThing>> {
  const of = (wanted: ShareKind) => ids.filter(({ kind }) => kind === wanted).map(({ _id }) => _id);
  const [fileIds, folderIds] = [of(ShareKind.FILE), of(ShareKind.FOLDER)];
  const [foundFiles, foundFolders] = await Promise.all([
    fileIds.length > 0 ? files.find({ _id: { $in: fileIds }, ...LISTED }).lean() : [],
    folderIds.length > 0 ? folders.find({ _id: { $in: folderIds } }).lean() : [],
  ]);
  const things: SharedThing[] = [...foundFiles, ...foundFolders];
  return new Map(things.map((thing) => [thing._id.toHexString(), withId(thing)]));
}

/** Whether it is a file. */
export const isFile = (thing: SharedThing): thing is StoredFile => 'originalName' in thing;

/** Whether its expiry date has passed; folders have none. */
export const isExpired = (thing: SharedThing): boolean =>
  isFile(thing) && thing.expiryDate != null && thing.expiryDate <= new Date();
