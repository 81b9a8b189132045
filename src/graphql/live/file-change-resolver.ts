import { Arg, ID, Resolver, Root, Subscription } from 'type-graphql';
import type { ChangesWanted } from '../../services/live/file-changes.ts';
import { type Context, viewerOf } from '../context.ts';
import { Needs } from '../permissions.ts';
import { FileChange } from './file-change-types.ts';

/** Tells what happens to files. */
@Resolver()
export class FileChangeResolver {
  @Needs('files:read')
  @Subscription(() => FileChange, {
    subscribe: ({ args, context }: { args: ChangesWanted; context: Context }) =>
      context.services.fileChanges.subscribe(viewerOf(context), args) as never,
    description:
      'What happens, from now on, to the viewer’s files and to those that were shared with it. Fails with CONFLICT once changes may be missing: subscribe again, then read anew.',
  })
  fileChanged(
    @Root() change: FileChange,
    @Arg('folderId', () => ID, {
      nullable: true,
      description: 'Only of files in this folder, or moved out of it; default all.',
    })
    _folderId: string | null,
    @Arg('recursive', () => Boolean, {
      nullable: true,
      description: 'Of files in the folders below it, too; default false.',
    })
    _recursive: boolean | null,
  ): FileChange {
    return change;
  }
}
