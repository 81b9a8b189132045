import { createUnionType } from 'type-graphql';
import { StoredFile } from '../../models/file.ts';
import { Folder } from '../../models/folder.ts';
import { isFile, type SharedThing } from '../../services/sharing/people/shared-things.ts';

/** What can be shared: a file or a folder. */
export const SharedItem = createUnionType({
  name: 'SharedItem',
  description: 'What can be shared.',
  types: () => [StoredFile, Folder] as const,
  resolveType: (thing: SharedThing) => (isFile(thing) ? StoredFile : Folder),
});
