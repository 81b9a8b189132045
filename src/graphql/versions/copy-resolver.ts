import { Args, Ctx, Mutation, Resolver } from 'type-graphql';
import { StoredFile } from '../../models/file.ts';
import { type Context, viewerOf } from '../context.ts';
import { Needs } from '../permissions.ts';
import { CopyFileArgs } from './version-inputs.ts';

/** Copies files. */
@Resolver()
export class CopyResolver {
  @Needs('files:write')
  @Mutation(() => StoredFile, {
    description:
      'Makes a file of its own with the same content, without copying a byte; it belongs to the folder’s owner and counts against its quota.',
  })
  copyFile(@Args(() => CopyFileArgs) args: CopyFileArgs, @Ctx() context: Context): Promise<StoredFile> {
    return context.services.copies.copy(viewerOf(context), args.id, args);
  }
}
