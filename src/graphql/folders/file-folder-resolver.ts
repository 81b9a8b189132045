import { Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { StoredFile } from '../../models/file.ts';
import { Folder, type Folder as FolderShape } from '../../models/folder.ts';
import type { Context } from '../context.ts';
import { Needs } from '../permissions.ts';

/** Where a file lies. */
@Resolver(() => StoredFile)
export class FileFolderResolver {
  @Needs('inherited')
  @FieldResolver(() => Folder, {
    nullable: true,
    description: 'The folder it lies in; null in the root, and where the viewer may not see that folder.',
  })
  async folder(
    @Root() file: Pick<StoredFile, 'folder'>,
    @Ctx() { loaders }: Context,
  ): Promise<FolderShape | null> {
    return file.folder ? loaders.folders.load(file.folder.toHexString()) : null;
  }
}
