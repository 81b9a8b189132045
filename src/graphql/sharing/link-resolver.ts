import { Arg, Args, Ctx, FieldResolver, ID, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { AuditEvent } from '../../models/audit-event.ts';
import { StoredFile } from '../../models/file.ts';
import { Folder } from '../../models/folder.ts';
import { ShareKind } from '../../models/grant.ts';
import { ShareLink } from '../../models/share-link.ts';
import { DEFAULT_PAGE } from '../../services/files/file-listing.ts';
import type { ShownLink } from '../../services/sharing/links/link-targets.ts';
import type { MadeLink } from '../../services/sharing/links/share-links.ts';
import { connectionOf, countedConnectionOf } from '../connections.ts';
import { type Context, viewerOf } from '../context.ts';
import { Listed } from '../documents/list-sizes.ts';
import { Needs } from '../permissions.ts';
import { LinkPageArgs, ShareFileInput, ShareListArgs, UpdateShareInput } from './link-inputs.ts';
import { type ShareEvent, ShareEventConnection, ShareLinkConnection } from './link-types.ts';

/** Links as those see them who make them. */
@Resolver(() => ShareLink)
export class ShareLinkResolver {
  @Needs('shares:write')
  @Mutation(() => ShareLink, {
    description: 'Makes a link by which anybody who has it sees the file. Its address is told this once.',
  })
  shareFile(
    @Arg('fileId', () => ID, { description: 'The file’s id.' }) fileId: string,
    @Arg('input', () => ShareFileInput, { nullable: true, description: 'What the link is to be like.' })
    input: ShareFileInput | null,
    @Ctx() context: Context,
  ): Promise<MadeLink> {
    return context.services.sharing.links.make(viewerOf(context), ShareKind.FILE, fileId, input ?? {});
  }

  @Needs('shares:write')
  @Mutation(() => ShareLink, {
    description: 'Makes a link to a folder, with everything below it. Its address is told this once.',
  })
  shareFolder(
    @Arg('folderId', () => ID, { description: 'The folder’s id.' }) folderId: string,
    @Arg('input', () => ShareFileInput, { nullable: true, description: 'What the link is to be like.' })
    input: ShareFileInput | null,
    @Ctx() context: Context,
  ): Promise<MadeLink> {
    return context.services.sharing.links.make(viewerOf(context), ShareKind.FOLDER, folderId, input ?? {});
  }

  @Needs('shares:write')
  @Mutation(() => ShareLink, {
    description:
      'Changes a link that one made. GONE once it was taken back; an expired one can be given more time.',
  })
  updateShare(
    @Arg('id', () => ID, { description: 'The link’s id.' }) id: string,
    @Arg('input', () => UpdateShareInput, { description: 'What to change.' }) input: UpdateShareInput,
    @Ctx() context: Context,
  ): Promise<ShownLink> {
    return context.services.sharing.links.update(viewerOf(context), id, input);
  }

  @Needs('shares:write')
  @Mutation(() => ShareLink, {
    description:
      'Takes a link back that one made, or that leads to what is one’s own: at once, for good. May be repeated.',
  })
  revokeShare(
    @Arg('id', () => ID, { description: 'The link’s id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<ShownLink> {
    return context.services.sharing.links.revoke(viewerOf(context), id);
  }

  @Listed(DEFAULT_PAGE)
  @Needs('shares:write')
  @Query(() => ShareLinkConnection, {
    description:
      'The links that one made, ended ones too, the newest first; of a file or a folder of one’s own also those of others.',
  })
  async shares(
    @Args(() => ShareListArgs) args: ShareListArgs,
    @Ctx() context: Context,
  ): Promise<ShareLinkConnection> {
    return countedConnectionOf(await context.services.sharing.listing.page(viewerOf(context), args, args));
  }

  @Needs('inherited')
  @FieldResolver(() => StoredFile, {
    nullable: true,
    description:
      'The file it leads to; null for a folder, and where the file is gone or not to be seen any more.',
  })
  file(@Root() { file }: ShownLink): StoredFile | null {
    return file ?? null;
  }

  @Needs('inherited')
  @FieldResolver(() => Folder, {
    nullable: true,
    description:
      'The folder it leads to; null for a file, and where the folder is gone or not to be seen any more.',
  })
  folder(@Root() { folder }: ShownLink): Folder | null {
    return folder ?? null;
  }

  @Needs('inherited')
  @FieldResolver(() => String, {
    nullable: true,
    description: 'Its address; known only in the answer that makes the link, null ever after.',
  })
  url(@Root() link: ShownLink & Partial<MadeLink>): string | null {
    return link.url ?? null;
  }

  @Needs('inherited')
  @FieldResolver(() => String, {
    nullable: true,
    description:
      'The secret end of its address; known only in the answer that makes the link, null ever after.',
  })
  token(@Root() link: ShownLink & Partial<MadeLink>): string | null {
    return link.token ?? null;
  }

  @Needs('inherited')
  @FieldResolver(() => Boolean, { description: 'Whether whoever opens it must know a password.' })
  hasPassword(@Root() { passwordHash }: ShareLink): boolean {
    return Boolean(passwordHash);
  }

  @Listed(DEFAULT_PAGE)
  @Needs('shares:write')
  @FieldResolver(() => ShareEventConnection, {
    description: 'When it was made, opened, fetched from and changed, as far back as the audit trail goes.',
  })
  async events(
    @Root() link: ShareLink,
    @Args(() => LinkPageArgs) args: LinkPageArgs,
    @Ctx() { services }: Context,
  ): Promise<ShareEventConnection> {
    return connectionOf(await services.sharing.listing.events(link, args), eventOf);
  }
}

function eventOf(event: AuditEvent): ShareEvent {
  const fileId = event.details?.fileId;
  const { id, action, outcome, createdAt } = event;
  return { id, action, outcome, createdAt, fileId: typeof fileId === 'string' ? fileId : null };
}
