import { Arg, Resolver, Root, Subscription } from 'type-graphql';
import { AppError } from '../../errors.ts';
import { type Context, viewerOf } from '../context.ts';
import { Needs } from '../permissions.ts';
import { UploadProgress } from './upload-progress-types.ts';

const MOST_CHARACTERS = 100;

/** Tells how uploads come along. */
@Resolver()
export class UploadProgressResolver {
  @Needs('files:read')
  @Subscription(() => UploadProgress, {
    subscribe: ({ args, context }: { args: { clientUploadId: string }; context: Context }) =>
      context.services.uploadProgress.follow(viewerOf(context), named(args.clientUploadId)) as never,
    description:
      'How far the viewer’s own upload of this name has come, as soon as there is one: first as it stands, then whenever that changes; completes after COMPLETED, FAILED or CANCELLED. May be asked for before, during and, for a day, after the upload.',
  })
  uploadProgress(
    @Root() progress: UploadProgress,
    @Arg('clientUploadId', () => String, {
      description: 'The name that the upload’s input gives it, 1–100 characters.',
    })
    _clientUploadId: string,
  ): UploadProgress {
    return progress;
  }
}

function named(clientUploadId: string): string {
  if (clientUploadId.length >= 1 && clientUploadId.length <= MOST_CHARACTERS) return clientUploadId;
  const message = `must have 1 to ${MOST_CHARACTERS} characters`;
  throw new AppError('BAD_USER_INPUT', `clientUploadId: ${message}.`, {
    issues: [{ field: 'clientUploadId', message }],
  });
}
