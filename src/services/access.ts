import type { StoredFile } from '../models/file.ts';
import type { Viewer } from './viewer.ts';

/** What somebody may want of a file. */
export type FileAction = 'view' | 'download' | 'share' | 'delete' | 'update';

/** The facts of a file that decide. */
export type GuardedFile = Pick<StoredFile, 'userId' | 'isPublic' | 'isDeleted' | 'access'>;

const LOCK = { view: 'canView', download: 'canDownload', share: 'canShare', delete: 'canDelete' } as const;

/** Whether the viewer, or somebody without an account, may do this to the file. The only place that decides. */
export function may(viewer: Pick<Viewer, 'userId'> | null, action: FileAction, file: GuardedFile): boolean {
  if (viewer && file.userId.equals(viewer.userId)) return true;
  if (action === 'update' || action === 'delete' || action === 'share') return false;
  return file.isPublic && !file.isDeleted && file.access.canView && file.access[LOCK[action]];
}
