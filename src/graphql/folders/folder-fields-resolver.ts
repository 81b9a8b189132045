import { Args, Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { AppError } from '../../errors.ts';
import { Folder, type Folder as FolderShape } from '../../models/folder.ts';
import { User } from '../../models/user.ts';
import { DEFAULT_PAGE } from '../../services/files/file-listing.ts';
import { MOST_BREADCRUMBS } from '../../services/folders/folder-listing.ts';
import { countedConnectionOf } from '../connections.ts';
import { type Context, viewerOf } from '../context.ts';
import { Listed } from '../documents/list-sizes.ts';
import { ListArgs } from '../files/file-inputs.ts';
import { orderOf } from '../files/file-order.ts';
import { FileConnection, fileConnectionOf } from '../files/file-types.ts';
import { Needs } from '../permissions.ts';
import { ChildFoldersArgs } from './folder-inputs.ts';
import { FolderConnection } from './folder-types.ts';

/** What a folder shows of what it lies in and of what lies in it. */
@Resolver(() => Folder)
export class FolderFieldsResolver {
  @Needs('inherited')
  @FieldResolver(() => User, { description: 'Whose folder it is, and everything below it.' })
  async owner(@Root() folder: FolderShape, @Ctx() { loaders }: Context): Promise<User> {
    const owner = await loaders.users.load(folder.userId.toHexString());
    if (!owner) throw new AppError('NOT_FOUND', 'The owner’s account is gone.');
    return owner;
  }

  @Needs('inherited')
  @FieldResolver(() => Folder, {
    nullable: true,
    description: 'The folder it lies in; null in the root, and where the viewer may not see that folder.',
  })
  async parent(@Root() folder: FolderShape, @Ctx() { loaders }: Context): Promise<FolderShape | null> {
    return folder.parent ? loaders.folders.load(folder.parent.toHexString()) : null;
  }

  @Listed(MOST_BREADCRUMBS)
  @Needs('inherited')
  @FieldResolver(() => [Folder], {
    description:
      'The folders it lies in, the root’s first, as far as the viewer may see them; of more than 100 the nearest.',
  })
  breadcrumbs(@Root() folder: FolderShape, @Ctx() { viewer, services }: Context): Promise<FolderShape[]> {
    return services.folderListing.breadcrumbs(viewer, folder);
  }

  @Listed(DEFAULT_PAGE)
  @Needs('files:read')
  @FieldResolver(() => FolderConnection, {
    description: 'The folders in it by name; of a folder in the trash those that lie there too.',
  })
  async folders(
    @Root() folder: FolderShape,
    @Args(() => ChildFoldersArgs) args: ChildFoldersArgs,
    @Ctx() { viewer, services }: Context,
  ): Promise<FolderConnection> {
    return countedConnectionOf(await services.folderListing.inFolder(viewer, folder, folder.isDeleted, args));
  }

  @Listed(DEFAULT_PAGE)
  @Needs('files:read')
  @FieldResolver(() => FileConnection, {
    description:
      'The files in it, as `files` lists them with its `folderId`; without a filter, of a folder in the trash those that lie there too.',
  })
  async files(
    @Root() folder: FolderShape,
    @Args(() => ListArgs) args: ListArgs,
    @Ctx() context: Context,
  ): Promise<FileConnection> {
    const { listing } = context.services;
    const filter = { ...(args.filter ?? { isDeleted: folder.isDeleted }), folderId: folder.id };
    const page = await listing.own(viewerOf(context), filter, orderOf(args.sort), args);
    return fileConnectionOf(page, listing);
  }
}
