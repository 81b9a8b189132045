import { Args, Ctx, Query, Resolver } from 'type-graphql';
import type { StoredFile } from '../../models/file.ts';
import { ShareKind } from '../../models/grant.ts';
import type { ShareLink } from '../../models/share-link.ts';
import type { LinkEntry } from '../../services/sharing/links/link-folders.ts';
import { looksAhead } from '../../services/sharing/links/link-visitors.ts';
import { connectionOf } from '../connections.ts';
import type { Context } from '../context.ts';
import { Needs } from '../permissions.ts';
import { LinkKeyArgs, SharedFolderArgs } from './link-inputs.ts';
import { type SharedEntry, SharedFile, SharedFolder } from './link-visit-types.ts';

const PREVIEW_PIXELS = 512;
const OPENS =
  'NOT_FOUND for a token that is none, GONE for a link that has ended, UNAUTHENTICATED without the password that it needs, FORBIDDEN with a wrong one.';

/** What links lead to, for whoever has them. */
@Resolver()
export class LinkVisitResolver {
  @Needs('anyone')
  @Query(() => SharedFile, { description: `The file that a link leads to. ${OPENS}` })
  async sharedFile(@Args(() => LinkKeyArgs) args: LinkKeyArgs, @Ctx() context: Context): Promise<SharedFile> {
    const { visits } = context.services.sharing;
    const { link, file } = await visits.lookAtFile({ ...args, ip: context.client.ip }, visitorOf(context));
    return sharedFile(args.token, link, file, await previewsOf([file], context), context);
  }

  @Needs('anyone')
  @Query(() => SharedFolder, {
    description: `One page of the folder that a link leads to, or of one below it. ${OPENS}`,
  })
  async sharedFolder(
    @Args(() => SharedFolderArgs) args: SharedFolderArgs,
    @Ctx() context: Context,
  ): Promise<SharedFolder> {
    const { visits } = context.services.sharing;
    const key = { token: args.token, password: args.password, ip: context.client.ip };
    const visit = await visits.lookAtFolder(key, visitorOf(context), args);
    const { link, folder, path, page } = visit;
    const files = page.nodes.flatMap(({ kind, thing }) => (kind === ShareKind.FILE ? [thing] : []));
    const shown = await previewsOf(files, context);
    return {
      id: folder.id,
      name: folder.name,
      path: path.map(({ id, name }) => ({ id, name })),
      entries: connectionOf(page, (entry) => sharedEntry(args.token, link, entry, shown, context)),
      archiveUrl: link.allowDownload ? visits.address(args.token, link, 'archive') : null,
      note: link.note ?? null,
      expiresAt: link.expiresAt ?? null,
    };
  }
}

type Shown = ReadonlySet<StoredFile>;

function sharedEntry(
  token: string,
  link: ShareLink,
  entry: LinkEntry,
  shown: Shown,
  context: Context,
): SharedEntry {
  const { kind, thing } = entry;
  if (kind === ShareKind.FOLDER) return { kind, id: thing.id, name: thing.name, file: null };
  const file = sharedFile(token, link, thing, shown, context);
  return { kind, id: thing.id, name: thing.originalName, file };
}

function sharedFile(
  token: string,
  link: ShareLink,
  file: StoredFile,
  shown: Shown,
  { services: { sharing } }: Context,
): SharedFile {
  const { visits } = sharing;
  return {
    id: file.id,
    name: file.originalName,
    size: file.fileSize,
    mimeType: file.mimeType,
    previewUrl: shown.has(file) ? visits.address(token, link, `thumbnail/${PREVIEW_PIXELS}`, file) : null,
    contentUrl: visits.mayDownload(link, file) ? visits.address(token, link, 'content', file) : null,
    note: link.note ?? null,
    expiresAt: link.expiresAt ?? null,
  };
}

/** Those of the files that have a preview which may be seen. */
async function previewsOf(files: readonly StoredFile[], { services }: Context): Promise<Shown> {
  const scanned = files.filter(({ blob, isAwaitingScan }) => blob && !isAwaitingScan);
  if (scanned.length === 0) return new Set();
  const found = await services.previews.ofBlobs(scanned.map(({ blob }) => blob?.toHexString() ?? ''));
  return new Set(scanned.filter((_, i) => (found[i]?.length ?? 0) > 0));
}

const visitorOf = ({ client }: Context) => ({ ...client, isBot: looksAhead(client.userAgent, []) });
