import { Arg, Ctx, ID, Mutation, Resolver } from 'type-graphql';
import { StoredFile } from '../../models/file.ts';
import { type Context, viewerOf } from '../context.ts';
import { spendFiles } from '../operation-rate.ts';
import { Needs } from '../permissions.ts';
import { CreateUploadInput, UploadedPartInput } from './upload-inputs.ts';
import { ticketOf, UploadTicket } from './upload-types.ts';

/** Uploads whose bytes do not pass through the API: announce, send, complete. */
@Resolver()
export class DirectUploadResolver {
  @Needs('files:write')
  @Mutation(() => UploadTicket, {
    description:
      'Announces a file and answers where to send its bytes; `completeUpload` then makes it a file.',
  })
  async createUpload(
    @Arg('input', () => CreateUploadInput, { description: 'What to say of the file.' })
    input: CreateUploadInput,
    @Ctx() context: Context,
  ): Promise<UploadTicket> {
    const viewer = viewerOf(context);
    await spendFiles(context.services.limits, context, 1);
    const to = await context.services.folders.destination(viewer, input.folderId, input);
    return ticketOf(await context.services.directUploads.create(viewer, input, to));
  }

  @Needs('files:write')
  @Mutation(() => StoredFile, {
    description:
      'Checks and stores what was sent, and answers the file. May be repeated: CONFLICT while it is under way, the same file afterwards.',
  })
  completeUpload(
    @Arg('id', () => ID, { description: 'The ticket’s id.' }) id: string,
    @Arg('parts', () => [UploadedPartInput], {
      nullable: true,
      description: 'The parts that were sent; where given they must be the ticket’s, each once.',
    })
    parts: UploadedPartInput[] | null,
    @Ctx() context: Context,
  ): Promise<StoredFile> {
    const sent = parts?.map(({ number }) => number) ?? null;
    return context.services.directUploads.complete(viewerOf(context), id, sent, context.signal);
  }

  @Needs('files:write')
  @Mutation(() => Boolean, {
    description: 'Takes an upload back that was not completed, with everything that was sent; true.',
  })
  cancelUpload(
    @Arg('id', () => ID, { description: 'The ticket’s id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<boolean> {
    return context.services.directUploads.cancel(viewerOf(context), id);
  }
}
