import { GraphQLUpload } from 'graphql-upload-ts';
import { Arg, Ctx, Mutation, Resolver } from 'type-graphql';
import { User } from '../../models/user.ts';
import type { IncomingFile } from '../../services/uploads/uploads.ts';
import { type Context, viewerOf } from '../context.ts';
import { Needs } from '../permissions.ts';

/** The image of an account. */
@Resolver()
export class AvatarResolver {
  @Needs('session')
  @Mutation(() => User, {
    description:
      'Sets the own image: a PNG, JPEG, WebP, GIF or AVIF of at most 10 MiB, kept as a WebP of 512 × 512 pixels at most, without metadata.',
  })
  updateAvatar(
    @Arg('file', () => GraphQLUpload, { description: 'A variable that the request’s `map` names.' })
    file: IncomingFile,
    @Ctx() context: Context,
  ): Promise<User> {
    return context.services.avatars.update(viewerOf(context), file, context.signal);
  }

  @Needs('session')
  @Mutation(() => User, { description: 'Removes the own image.' })
  removeAvatar(@Ctx() context: Context): Promise<User> {
    return context.services.avatars.remove(viewerOf(context));
  }
}
