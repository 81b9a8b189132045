import { Arg, Args, Ctx, FieldResolver, ID, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import { AppError } from '../../errors.ts';
import { StoredFile } from '../../models/file.ts';
import { User } from '../../models/user.ts';
import { DEFAULT_PAGE } from '../../services/files/file-listing.ts';
import { type Context, viewerOf } from '../context.ts';
import { Listed } from '../documents/list-sizes.ts';
import { Needs } from '../permissions.ts';
import { ExpiresInSeconds, ShownOrSaved } from './download-url-args.ts';
import { ForwardListArgs, ListArgs, UpdateFileInput } from './file-inputs.ts';
import { orderOf } from './file-order.ts';
import {
  Disposition,
  FileConnection,
  fileConnectionOf,
  StorageStats,
  TagCount,
  ThumbnailSize,
} from './file-types.ts';

/** Lists, changes and removes files. */
@Resolver(() => StoredFile)
export class FileResolver {
  @Needs('files:read or anonymous')
  @Query(() => StoredFile, {
    nullable: true,
    description: 'One file, of one’s own or public; NOT_FOUND for everything the viewer may not see.',
  })
  file(
    @Arg('id', () => ID, { description: 'The file’s id.' }) id: string,
    @Ctx() { viewer, services }: Context,
  ): Promise<StoredFile> {
    return services.files.get(viewer, id);
  }

  @Listed(DEFAULT_PAGE)
  @Needs('files:read')
  @Query(() => FileConnection, {
    description:
      'The viewer’s own files, or with `filter.folderId` those of a folder that the viewer may see; the trash with `filter.isDeleted`.',
  })
  async files(@Args(() => ListArgs) args: ListArgs, @Ctx() context: Context): Promise<FileConnection> {
    const { listing } = context.services;
    const page = await listing.own(viewerOf(context), args.filter ?? {}, orderOf(args.sort), args);
    return fileConnectionOf(page, listing);
  }

  @Listed(DEFAULT_PAGE)
  @Needs('files:read or anonymous')
  @Query(() => FileConnection, { description: 'Everybody’s public files; no login needed.' })
  async publicFiles(
    @Args(() => ForwardListArgs) args: ForwardListArgs,
    @Ctx() { services: { listing } }: Context,
  ): Promise<FileConnection> {
    const page = await listing.published(args.filter ?? {}, orderOf(args.sort), args);
    return fileConnectionOf(page, listing);
  }

  @Needs('files:read')
  @Query(() => [TagCount], { description: 'The tags of the viewer’s files, most used first.' })
  tags(
    @Arg('prefix', () => String, { nullable: true, description: 'How the tags begin.' }) prefix:
      | string
      | null,
    @Arg('first', () => Int, { nullable: true, defaultValue: 50, description: 'How many at most, 1–1000.' })
    first: number | null,
    @Ctx() context: Context,
  ): Promise<TagCount[]> {
    return context.services.listing.tags(viewerOf(context), prefix ?? '', first ?? 50);
  }

  @Needs('files:read')
  @Query(() => StorageStats, { description: 'Sums over the viewer’s files.' })
  storageStats(@Ctx() context: Context): Promise<StorageStats> {
    return context.services.files.summary(viewerOf(context));
  }

  @Needs('files:write')
  @Mutation(() => StoredFile, { description: 'Changes what is said of a file.' })
  updateFile(
    @Arg('id', () => ID, { description: 'The file’s id.' }) id: string,
    @Arg('input', () => UpdateFileInput, { description: 'What to change.' }) input: UpdateFileInput,
    @Ctx() context: Context,
  ): Promise<StoredFile> {
    return context.services.files.update(viewerOf(context), id, input);
  }

  @Needs('files:write')
  @Mutation(() => StoredFile, { description: 'Puts a file into the trash.' })
  deleteFile(
    @Arg('id', () => ID, { description: 'The file’s id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<StoredFile> {
    return context.services.files.trash(viewerOf(context), id);
  }

  @Needs('files:write')
  @Mutation(() => StoredFile, { description: 'Takes a file out of the trash.' })
  restoreFile(
    @Arg('id', () => ID, { description: 'The file’s id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<StoredFile> {
    return context.services.files.restore(viewerOf(context), id);
  }

  @Needs('files:write')
  @Mutation(() => ID, { description: 'Removes a file for good, from the trash or not; answers its id.' })
  purgeFile(
    @Arg('id', () => ID, { description: 'The file’s id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<string> {
    return context.services.files.remove(viewerOf(context), id);
  }

  @Needs('files:write')
  @Mutation(() => Int, {
    description: 'Removes everything in the viewer’s trash for good; answers how many files.',
  })
  emptyTrash(@Ctx() context: Context): Promise<number> {
    return context.services.files.emptyTrash(viewerOf(context));
  }

  @Needs('inherited')
  @FieldResolver(() => User, { description: 'Whose file it is.' })
  async owner(@Root() file: StoredFile, @Ctx() { loaders }: Context): Promise<User> {
    const owner = await loaders.users.load(file.userId.toHexString());
    if (!owner) throw new AppError('NOT_FOUND', 'The owner’s account is gone.');
    return owner;
  }

  @Needs('files:read or anonymous')
  @FieldResolver(() => String, {
    description: 'A signed URL of the content that needs no headers, so it works in `<img src>`.',
  })
  downloadUrl(
    @Root() file: StoredFile,
    @ExpiresInSeconds() expiresInSeconds: number | null,
    @ShownOrSaved() disposition: Disposition | null,
    @Ctx() { viewer, services }: Context,
  ): string {
    return services.links.contentUrl(
      viewer,
      file.id,
      expiresInSeconds ?? 300,
      disposition ?? Disposition.ATTACHMENT,
    );
  }

  @Needs('files:read or anonymous')
  @FieldResolver(() => String, {
    nullable: true,
    description:
      'A signed URL of a preview, WebP, that works for an hour at least; null until there is one, and where none can be made.',
  })
  async thumbnailUrl(
    @Root() file: StoredFile,
    @Arg('size', () => ThumbnailSize, {
      nullable: true,
      defaultValue: ThumbnailSize.MEDIUM,
      description: 'How large.',
    })
    size: ThumbnailSize | null,
    @Ctx() { viewer, services, loaders }: Context,
  ): Promise<string | null> {
    if (!file.blob) return null;
    const previews = await loaders.previews.load(file.blob.toHexString());
    return services.previews.url(viewer, file, size ?? ThumbnailSize.MEDIUM, previews);
  }
}
