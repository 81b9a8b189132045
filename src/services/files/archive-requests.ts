import type { Signer } from '../../auth/signatures.ts';
import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import { parseId } from '../../models/object-id.ts';
import { may, requireNeed } from '../access.ts';
import type { Authentication } from '../sessions/authentication.ts';
import type { HeldPermissions } from '../sharing/permissions/held-permissions.ts';
import { requireSigned, type SignedExpiry } from '../signed-expiry.ts';
import type { RunsFor, Viewer } from '../viewer.ts';
import type { Archive, Archives } from './archives.ts';
import { checkedIds } from './bulk.ts';
import { notFound } from './files.ts';
import { MAX_LINK_SECONDS, MIN_LINK_SECONDS } from './links.ts';
import { ViewerRight, type ViewerRightParts } from './viewer-right.ts';

/** What is to be in an archive: some files, or all of a folder. */
export interface ArchiveContent {
  readonly ids: readonly string[] | null;
  readonly folder: string | null;
}

/** How a request asks for an archive: with an access token, with a signed URL, or with neither for public files. */
export interface ArchiveRequest extends ArchiveContent {
  readonly bearer: string | null;
  readonly link: SignedExpiry & { readonly by?: unknown };
}

/** The most files that a signed address names: longer ones would not pass through proxies. */
export const MOST_IN_ADDRESS = 100;

/** Who may have which archive, and the addresses that say so by themselves. */
export class ArchiveRequests {
  private readonly collections: Pick<Collections, 'users' | 'folders'>;
  private readonly authentication: Authentication;
  private readonly archives: Archives;
  private readonly access: HeldPermissions;
  private readonly right: ViewerRightParts;
  private readonly signer: Signer;
  private readonly baseUrl: () => string;

  constructor(parts: {
    collections: Pick<Collections, 'users' | 'folders'>;
    authentication: Authentication;
    archives: Archives;
    access: HeldPermissions;
    right: ViewerRightParts;
    signer: Signer;
    baseUrl: () => string;
  }) {
    this.collections = parts.collections;
    this.authentication = parts.authentication;
    this.archives = parts.archives;
    this.access = parts.access;
    this.right = parts.right;
    this.signer = parts.signer;
    this.baseUrl = parts.baseUrl;
  }

  /** An address of the archive that works without headers for so many seconds, as long as the viewer may have it. */
  url(
    viewer: Pick<Viewer, 'userId' | 'key'> | null,
    content: ArchiveContent,
    expiresInSeconds: number,
  ): string {
    const { ids, folder } = onlyOne(content);
    if (ids) checkedIds(ids);
    if (ids && ids.length > MOST_IN_ADDRESS)
      throw invalid('fileIds', `must name at most ${MOST_IN_ADDRESS} files; \`POST /archive\` takes more`);
    if (!(expiresInSeconds >= MIN_LINK_SECONDS && expiresInSeconds <= MAX_LINK_SECONDS))
      throw invalid('expiresInSeconds', `must lie between ${MIN_LINK_SECONDS} and ${MAX_LINK_SECONDS}`);
    const expires = String(Math.floor(Date.now() / 1000) + expiresInSeconds);
    const by = [viewer?.userId, viewer?.key?.id].flatMap((id) => id?.toHexString() ?? []).join('.');
    const signature = this.signer.sign(signedText(content, expires, by));
    const query = new URLSearchParams({ expires, ...(by && { by }), signature });
    // Commas may stand in a query as they are, and this one is long enough.
    const what = ids
      ? `ids=${ids.map(encodeURIComponent).join(',')}`
      : `folder=${encodeURIComponent(folder ?? '')}`;
    return `${this.baseUrl()}/archive?${what}&${query}`;
  }

  /** The archive, if this request may have it; rejects as downloads do, before any byte. */
  async open(request: ArchiveRequest): Promise<Archive> {
    const by = await this.whom(request);
    const { ids, folder } = onlyOne(request);
    if (ids) return this.archives.ofFiles(ids, new ViewerRight(this.right, by));
    const _id = parseId(folder);
    const found = _id && (await this.collections.folders.findOne({ _id, isDeleted: false }).lean());
    if (!found) throw notFound();
    await this.access.require(by, ['download'], found, notFound);
    const isOwn = may(by, 'download', found);
    const held = isOwn || !by ? null : await this.access.of(by.userId, found);
    return this.archives.ofFolder(found, new ViewerRight(this.right, by, held));
  }

  private async whom(request: ArchiveRequest): Promise<RunsFor | null> {
    const { bearer, link } = request;
    if (link.signature !== undefined) return this.signedFor(request);
    const viewer = bearer === null ? null : await this.authentication.authenticate(bearer);
    requireNeed(viewer, 'files:read or anonymous');
    return viewer;
  }

  private async signedFor({ link, ids, folder }: ArchiveRequest): Promise<RunsFor | null> {
    const by = typeof link.by === 'string' ? link.by : '';
    const isOurs = by === (link.by ?? '');
    requireSigned(this.signer, 'link', link, (expires) =>
      isOurs ? signedText({ ids, folder }, expires, by) : null,
    );
    const [userId, keyId] = by.split('.', 2).map(parseId);
    if (!userId) return null;
    const [active, live] = await Promise.all([
      this.collections.users.exists({ _id: userId, isActive: true }),
      !keyId || this.authentication.isLiveKey(userId, keyId),
    ]);
    if (!active || !live) throw notFound();
    return { userId, key: keyId ? { id: keyId } : undefined };
  }
}

function onlyOne({ ids, folder }: ArchiveContent): ArchiveContent {
  if ((ids === null) !== (folder === null)) return { ids, folder };
  throw new AppError('BAD_USER_INPUT', 'An archive is of files or of a folder: name the one or the other.');
}

const signedText = ({ ids, folder }: ArchiveContent, expires: string, by: string) =>
  [ids ? `ids ${ids.join(',')}` : `folder ${folder}`, expires, by].join('\n');

function invalid(field: string, message: string): AppError {
  return new AppError('BAD_USER_INPUT', `\`${field}\` ${message}.`, { issues: [{ field, message }] });
}
