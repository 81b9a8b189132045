import { Arg, Args, Ctx, ID, Mutation, Query, Resolver } from 'type-graphql';
import { Folder } from '../../models/folder.ts';
import { NameCollision } from '../../models/name-collision.ts';
import { DEFAULT_PAGE } from '../../services/files/file-listing.ts';
import { countedConnectionOf } from '../connections.ts';
import { type Context, viewerOf } from '../context.ts';
import { Listed } from '../documents/list-sizes.ts';
import { BulkResult } from '../files/bulk-types.ts';
import { spendMany } from '../operation-rate.ts';
import { Needs } from '../permissions.ts';
import {
  CreateFolderInput,
  FoldersArgs,
  MoveFilesArgs,
  MoveFolderArgs,
  RenameFolderArgs,
} from './folder-inputs.ts';
import { FolderConnection } from './folder-types.ts';

/** Lists, makes, changes and removes folders, and moves files between them. */
@Resolver()
export class FolderResolver {
  @Needs('files:read')
  @Query(() => Folder, {
    nullable: true,
    description:
      'One folder, of one’s own or shared with the viewer; NOT_FOUND for everything the viewer may not see.',
  })
  folder(
    @Arg('id', () => ID, { description: 'The folder’s id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<Folder> {
    return context.services.folders.get(viewerOf(context), id);
  }

  @Listed(DEFAULT_PAGE)
  @Needs('files:read')
  @Query(() => FolderConnection, { description: 'The folders in a folder by name, or in the viewer’s root.' })
  async folders(
    @Args(() => FoldersArgs) args: FoldersArgs,
    @Ctx() context: Context,
  ): Promise<FolderConnection> {
    const { folderListing } = context.services;
    return countedConnectionOf(
      await folderListing.page(viewerOf(context), args.parentId, args.isDeleted ?? false, args),
    );
  }

  @Needs('files:write')
  @Mutation(() => Folder, { description: 'Makes a folder.' })
  createFolder(
    @Arg('input', () => CreateFolderInput, { description: 'What to make.' }) input: CreateFolderInput,
    @Ctx() context: Context,
  ): Promise<Folder> {
    const rule = input.onCollision ?? NameCollision.FAIL;
    return context.services.folders.create(viewerOf(context), input, rule);
  }

  @Needs('files:write')
  @Mutation(() => Folder, { description: 'Gives a folder another name.' })
  renameFolder(
    @Args(() => RenameFolderArgs) { id, name, onCollision }: RenameFolderArgs,
    @Ctx() context: Context,
  ): Promise<Folder> {
    const rule = onCollision ?? NameCollision.FAIL;
    return context.services.folders.rename(viewerOf(context), id, name, rule);
  }

  @Needs('files:write')
  @Mutation(() => Folder, {
    description: 'Moves a folder with everything below it; CONFLICT into itself or below itself.',
  })
  moveFolder(
    @Args(() => MoveFolderArgs) { id, parentId, onCollision }: MoveFolderArgs,
    @Ctx() context: Context,
  ): Promise<Folder> {
    const rule = onCollision ?? NameCollision.FAIL;
    return context.services.folders.move(viewerOf(context), id, parentId, rule);
  }

  @Needs('files:write')
  @Mutation(() => Folder, { description: 'Puts a folder with everything below it into the trash.' })
  deleteFolder(
    @Arg('id', () => ID, { description: 'The folder’s id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<Folder> {
    return context.services.folderRemovals.delete(viewerOf(context), id);
  }

  @Needs('files:write')
  @Mutation(() => Folder, {
    description:
      'Takes a folder out of the trash with all that its deletion put there; into the root where its place is gone.',
  })
  restoreFolder(
    @Arg('id', () => ID, { description: 'The folder’s id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<Folder> {
    return context.services.folderRemovals.restore(viewerOf(context), id);
  }

  @Needs('files:write')
  @Mutation(() => ID, {
    description: 'Removes a folder with everything below it for good, from the trash or not; answers its id.',
  })
  purgeFolder(
    @Arg('id', () => ID, { description: 'The folder’s id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<string> {
    return context.services.folderRemovals.purge(viewerOf(context), id);
  }

  @Needs('files:write')
  @Mutation(() => BulkResult, { description: 'Moves files into a folder, each that may be.' })
  async moveFiles(
    @Args(() => MoveFilesArgs) { ids, folderId, onCollision }: MoveFilesArgs,
    @Ctx() context: Context,
  ): Promise<BulkResult> {
    const viewer = viewerOf(context);
    await spendMany(context.services.limits, context, ids.length);
    const rule = onCollision ?? NameCollision.RENAME;
    return context.services.fileMoves.move(viewer, ids, folderId, rule);
  }
}
