import { GraphQLUpload } from 'graphql-upload-ts';
import { Arg, Ctx, Mutation, Resolver } from 'type-graphql';
import { StoredFile } from '../../models/file.ts';
import type { IncomingFile } from '../../services/uploads/uploads.ts';
import { type Context, viewerOf } from '../context.ts';
import { Needs } from '../permissions.ts';
import { UploadFileInput } from './file-inputs.ts';

/** Takes files in, by the GraphQL multipart request specification. */
@Resolver()
export class UploadResolver {
  @Needs('files:write')
  @Mutation(() => StoredFile, {
    description: 'Uploads one file and answers it once it is stored and checked.',
  })
  async uploadFile(
    @Arg('file', () => GraphQLUpload, { description: 'A variable that the request’s `map` names.' })
    file: IncomingFile,
    @Arg('input', () => UploadFileInput, { nullable: true, description: 'What to say of the file.' })
    input: UploadFileInput | null,
    @Ctx() context: Context,
  ): Promise<StoredFile> {
    const { services, signal } = context;
    const viewer = viewerOf(context);
    const to = await services.folders.destination(viewer, input?.folderId, input ?? {});
    return services.uploads.upload(viewer, file, input ?? {}, signal, to);
  }

  @Needs('files:write')
  @Mutation(() => [StoredFile], {
    nullable: 'items',
    description:
      'Uploads several files; one that fails is null, with an error at its path, and the others stay.',
  })
  uploadFiles(
    @Arg('files', () => [GraphQLUpload], { description: 'Variables that the request’s `map` names.' })
    files: Promise<IncomingFile>[],
    @Arg('input', () => UploadFileInput, { nullable: true, description: 'What to say of each of the files.' })
    input: UploadFileInput | null,
    @Ctx() context: Context,
  ): Promise<StoredFile>[] {
    const { services, signal } = context;
    const viewer = viewerOf(context);
    const to = services.folders.destination(viewer, input?.folderId, input ?? {});
    return files.map(async (file) => {
      const [incoming, place] = await Promise.all([file, to]);
      return services.uploads.upload(viewer, incoming, input ?? {}, signal, place);
    });
  }
}
