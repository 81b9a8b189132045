import { Arg, Args, Ctx, FieldResolver, ID, Mutation, Query, Resolver, Root } from 'type-graphql';
import { UploadRequest } from '../../models/upload-request.ts';
import { User } from '../../models/user.ts';
import { DEFAULT_PAGE } from '../../services/files/file-listing.ts';
import type { MadeRequest } from '../../services/sharing/requests/upload-requests.ts';
import { type Context, viewerOf } from '../context.ts';
import { Listed } from '../documents/list-sizes.ts';
import { Needs } from '../permissions.ts';
import { UploadRequestInput, UploadRequestListArgs } from './upload-request-inputs.ts';
import { requestConnectionOf, UploadRequestConnection } from './upload-request-types.ts';

/** Links through which others drop files into a folder. */
@Resolver(() => UploadRequest)
export class UploadRequestResolver {
  @Needs('shares:write')
  @Mutation(() => UploadRequest, {
    description:
      'Makes a link through which anybody who has it may drop files into a folder; for who may share and change the folder, and only while that is so.',
  })
  requestUploads(
    @Arg('folderId', () => ID, { description: 'The folder.' }) folderId: string,
    @Arg('input', () => UploadRequestInput, { nullable: true, description: 'What it is like.' })
    input: UploadRequestInput | null,
    @Ctx() context: Context,
  ): Promise<UploadRequest> {
    return context.services.uploadRequests.make(viewerOf(context), folderId, input ?? {});
  }

  @Listed(DEFAULT_PAGE)
  @Needs('shares:write')
  @Query(() => UploadRequestConnection, {
    description: 'Upload requests, the newest first; those that ended are shown for 30 days more.',
  })
  async uploadRequests(
    @Args(() => UploadRequestListArgs) { folderId, first, after }: UploadRequestListArgs,
    @Ctx() context: Context,
  ): Promise<UploadRequestConnection> {
    const { uploadRequests } = context.services;
    return requestConnectionOf(await uploadRequests.list(viewerOf(context), folderId, { first, after }));
  }

  @Needs('shares:write')
  @Mutation(() => UploadRequest, {
    description: 'Changes an upload request of one’s own; its address stays.',
  })
  updateUploadRequest(
    @Arg('id', () => ID, { description: 'The request’s id.' }) id: string,
    @Arg('input', () => UploadRequestInput, { description: 'What to change.' }) input: UploadRequestInput,
    @Ctx() context: Context,
  ): Promise<UploadRequest> {
    return context.services.uploadRequests.update(viewerOf(context), id, input);
  }

  @Needs('shares:write')
  @Mutation(() => UploadRequest, {
    description:
      'Takes an upload request back for good, with what is on its way by it; for who made it and the folder’s owner. May be repeated.',
  })
  revokeUploadRequest(
    @Arg('id', () => ID, { description: 'The request’s id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<UploadRequest> {
    return context.services.uploadRequests.revoke(viewerOf(context), id);
  }

  @Needs('inherited')
  @FieldResolver(() => ID, { description: 'The folder that the files drop into.' })
  folderId(@Root() { folder }: UploadRequest): string {
    return folder.toHexString();
  }

  @Needs('inherited')
  @FieldResolver(() => Boolean, { description: 'Whether it asks for a password.' })
  hasPassword(@Root() { passwordHash }: UploadRequest): boolean {
    return Boolean(passwordHash);
  }

  @Needs('inherited')
  @FieldResolver(() => User, {
    nullable: true,
    description: 'Who made it; null once the account is gone.',
  })
  async createdBy(@Root() { createdBy }: UploadRequest, @Ctx() { loaders }: Context): Promise<User | null> {
    return loaders.users.load(createdBy.toHexString());
  }

  @Needs('inherited')
  @FieldResolver(() => String, {
    nullable: true,
    description: 'The address of its page; only in the answer of `requestUploads`, null ever after.',
  })
  url(@Root() request: UploadRequest | MadeRequest): string | null {
    return 'url' in request ? request.url : null;
  }

  @Needs('inherited')
  @FieldResolver(() => String, {
    nullable: true,
    description: 'The secret part of the address; as `url`.',
  })
  token(@Root() request: UploadRequest | MadeRequest): string | null {
    return 'token' in request ? request.token : null;
  }
}
