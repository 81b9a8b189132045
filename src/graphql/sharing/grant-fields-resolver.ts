import { Args, Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { StoredFile } from '../../models/file.ts';
import { Folder } from '../../models/folder.ts';
import { Permission } from '../../models/grant.ts';
import { DEFAULT_PAGE } from '../../services/files/file-listing.ts';
import type { SharedThing } from '../../services/sharing/people/shared-things.ts';
import { type Context, viewerOf } from '../context.ts';
import { Listed } from '../documents/list-sizes.ts';
import { Needs } from '../permissions.ts';
import { GrantListArgs } from './grant-inputs.ts';
import { GrantConnection, grantConnectionOf } from './grant-types.ts';

const GRANTS = {
  nullable: true,
  description:
    'Who was given what on it, what comes from the folders above not among it; null for who may not share it.',
} as const;
const MY_PERMISSION = {
  nullable: true,
  description:
    'The most that the viewer was given on it or on a folder it lies in; MANAGE for its owner, null for others.',
} as const;

async function grantsOf(
  thing: SharedThing,
  args: GrantListArgs,
  context: Context,
): Promise<GrantConnection | null> {
  const page = await context.services.grantListing.on(viewerOf(context), thing, args);
  return page && grantConnectionOf(page);
}

async function permissionOf(thing: SharedThing, { viewer, loaders }: Context): Promise<Permission | null> {
  if (!viewer) return null;
  return viewer.userId.equals(thing.userId) ? Permission.MANAGE : loaders.permissions.load(thing);
}

/** What a file tells of who may do what with it. */
@Resolver(() => StoredFile)
export class FileGrantsResolver {
  @Listed(DEFAULT_PAGE)
  @Needs('shares:write')
  @FieldResolver(() => GrantConnection, GRANTS)
  grants(
    @Root() file: StoredFile,
    @Args(() => GrantListArgs) args: GrantListArgs,
    @Ctx() context: Context,
  ): Promise<GrantConnection | null> {
    return grantsOf(file, args, context);
  }

  @Needs('inherited')
  @FieldResolver(() => Permission, MY_PERMISSION)
  myPermission(@Root() file: StoredFile, @Ctx() context: Context): Promise<Permission | null> {
    return permissionOf(file, context);
  }
}

/** What a folder tells of who may do what with it. */
@Resolver(() => Folder)
export class FolderGrantsResolver {
  @Listed(DEFAULT_PAGE)
  @Needs('shares:write')
  @FieldResolver(() => GrantConnection, GRANTS)
  grants(
    @Root() folder: Folder,
    @Args(() => GrantListArgs) args: GrantListArgs,
    @Ctx() context: Context,
  ): Promise<GrantConnection | null> {
    return grantsOf(folder, args, context);
  }

  @Needs('inherited')
  @FieldResolver(() => Permission, MY_PERMISSION)
  myPermission(@Root() folder: Folder, @Ctx() context: Context): Promise<Permission | null> {
    return permissionOf(folder, context);
  }
}
