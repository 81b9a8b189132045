import type { FileOrder } from '../../services/files/file-cursors.ts';
import type { FileSort } from './file-inputs.ts';

/** The order that a list is asked for; the newest first where nothing is said. */
export const orderOf = (sort: FileSort | null | undefined): FileOrder => ({
  field: sort?.field ?? 'createdAt',
  direction: sort?.direction ?? -1,
});
