import { GraphQLUpload } from 'graphql-upload-ts';
import { Arg, Ctx, FieldResolver, ID, Mutation, Resolver, Root } from 'type-graphql';
import { StoredFile } from '../../models/file.ts';
import { FileVersion } from '../../models/file-version.ts';
import { User } from '../../models/user.ts';
import { may } from '../../services/access.ts';
import type { IncomingFile } from '../../services/uploads/uploads.ts';
import { type Context, viewerOf } from '../context.ts';
import { Listed } from '../documents/list-sizes.ts';
import { ExpiresInSeconds, ShownOrSaved } from '../files/download-url-args.ts';
import { Disposition } from '../files/file-types.ts';
import { Needs } from '../permissions.ts';
import { UploadVersionInput } from './version-inputs.ts';

const USUALLY_KEPT = 10;

/** Gives files new contents, and earlier ones again. */
@Resolver()
export class VersionResolver {
  @Needs('files:write')
  @Mutation(() => StoredFile, {
    description:
      'Uploads a new content of a file; what it had is kept as its newest version. The content it has already changes nothing.',
  })
  uploadVersion(
    @Arg('fileId', () => ID, { description: 'The file’s id.' }) fileId: string,
    @Arg('file', () => GraphQLUpload, { description: 'A variable that the request’s `map` names.' })
    file: IncomingFile,
    @Arg('input', () => UploadVersionInput, { nullable: true, description: 'What to say of the content.' })
    input: UploadVersionInput | null,
    @Ctx() context: Context,
  ): Promise<StoredFile> {
    const { services, signal } = context;
    return services.versionUploads.upload(viewerOf(context), fileId, file, input ?? {}, signal);
  }

  @Needs('files:write')
  @Mutation(() => StoredFile, {
    description: 'Makes a version the file’s content; what it had until then is its newest version.',
  })
  restoreVersion(
    @Arg('fileId', () => ID, { description: 'The file’s id.' }) fileId: string,
    @Arg('versionId', () => ID, { description: 'The version’s id.' }) versionId: string,
    @Ctx() context: Context,
  ): Promise<StoredFile> {
    return context.services.versions.restore(viewerOf(context), fileId, versionId);
  }

  @Needs('files:write')
  @Mutation(() => StoredFile, { description: 'Removes a version for good, and gives its bytes back.' })
  deleteVersion(
    @Arg('fileId', () => ID, { description: 'The file’s id.' }) fileId: string,
    @Arg('versionId', () => ID, { description: 'The version’s id.' }) versionId: string,
    @Ctx() context: Context,
  ): Promise<StoredFile> {
    return context.services.versions.remove(viewerOf(context), fileId, versionId);
  }
}

/** What a file tells of its earlier contents. */
@Resolver(() => StoredFile)
export class FileVersionsResolver {
  @Listed(USUALLY_KEPT)
  @Needs('files:read or anonymous')
  @FieldResolver(() => [FileVersion], {
    description: 'Its earlier contents, the newest first; none for who may not change the file.',
  })
  async versions(@Root() file: StoredFile, @Ctx() { viewer, loaders }: Context): Promise<FileVersion[]> {
    const held = !viewer || may(viewer, 'update', file) ? null : await loaders.permissions.load(file);
    return may(viewer, 'update', file, held) ? loaders.versions.load(file.id) : [];
  }
}

/** What a version tells beside its own facts. */
@Resolver(() => FileVersion)
export class FileVersionResolver {
  @Needs('inherited')
  @FieldResolver(() => User, {
    nullable: true,
    description: 'Who brought it; null once the account is gone.',
  })
  uploadedBy(@Root() { uploadedBy }: FileVersion, @Ctx() { loaders }: Context): Promise<User | null> | null {
    return uploadedBy ? loaders.users.load(uploadedBy.toHexString()) : null;
  }

  @Needs('files:read or anonymous')
  @FieldResolver(() => String, {
    description: 'A signed URL of the version’s content that needs no headers.',
  })
  downloadUrl(
    @Root() { id, fileId = '' }: FileVersion,
    @ExpiresInSeconds() expiresInSeconds: number | null,
    @ShownOrSaved() disposition: Disposition | null,
    @Ctx() { viewer, services }: Context,
  ): string {
    const shown = disposition ?? Disposition.ATTACHMENT;
    return services.links.contentUrl(viewer, fileId, expiresInSeconds ?? 300, shown, id);
  }
}
