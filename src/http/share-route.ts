import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../errors.ts';
import type { StoredFile } from '../models/file.ts';
import type { RateLimits } from '../services/limits/rate-limits.ts';
import type { PreviewService } from '../services/processing/previews.ts';
import { withinRequest } from '../services/request-facts.ts';
import type { LinkKey } from '../services/sharing/links/link-access.ts';
import { looksAhead, type Visitor } from '../services/sharing/links/link-visitors.ts';
import type { Visit } from '../services/sharing/links/link-visits.ts';
import type { Sharing } from '../services/sharing/links/sharing.ts';
import { sendArchive, spendArchive } from './archive/archive-route.ts';
import { type AnsweredContent, answerContent } from './content-answer.ts';
import { errorBody } from './error-answers.ts';
import { filePage, folderPage, passwordPage, refusalPage } from './pages/share-pages.ts';
import { SHARE_PAGE_HEADERS } from './pages/share-style.ts';

interface ShareRequest {
  Params: { token: string };
  Querystring: Record<'proof' | 'folder' | 'after' | 'file' | 'disposition', string | string[] | undefined>;
  Body: URLSearchParams | undefined;
}
interface ThumbnailRequest extends ShareRequest {
  Params: { token: string; size: string };
}
type Asked = FastifyRequest<ShareRequest>;

const FORM_BYTES = 4 * 1024;
const FORM_TYPE = 'application/x-www-form-urlencoded';
const COOKIE = 'link_proof';
const PROOF_SECONDS = 12 * 3_600;

/** What share links are answered with. */
export interface ShareRouteOptions {
  readonly sharing: Sharing;
  readonly previews: Pick<PreviewService, 'open' | 'ofBlobs'>;
  readonly limits: Pick<RateLimits, 'spend'>;
  readonly secureCookies: boolean;
}

/** `/s/:token`: what a share link leads to, as a page that needs no script, and its contents. */
export async function shareRoutes(app: FastifyInstance, options: ShareRouteOptions): Promise<void> {
  const { sharing, previews, limits, secureCookies } = options;
  const { access, archives, contents, proofs, visits } = sharing;
  const config = { needs: 'anyone' } as const;
  const method = ['GET', 'HEAD'];

  app.removeAllContentTypeParsers();
  app.addContentTypeParser(FORM_TYPE, { parseAs: 'string', bodyLimit: FORM_BYTES }, (_request, body, done) =>
    done(null, new URLSearchParams(String(body))),
  );
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(SECRET_ADDRESS);
  });
  app.setErrorHandler<Error, ShareRequest>((error, request, reply) => {
    // The error handler of the whole server answers programs.
    if (!wantsPage(request)) throw error;
    errorBody(error, request, reply);
    return reply.removeHeader('www-authenticate').headers(SHARE_PAGE_HEADERS).send(refusalOf(error, request));
  });

  app.route<ShareRequest>({ method, url: '/s/:token', config, handler: showPage });
  app.route<ShareRequest>({ method: 'POST', url: '/s/:token', config, handler: takePassword });
  app.route<ShareRequest>({ method, url: '/s/:token/content', config, handler: serveContent });
  app.route<ShareRequest>({ method, url: '/s/:token/archive', config, handler: serveArchive });
  app.route<ThumbnailRequest>({ method, url: '/s/:token/thumbnail/:size', config, handler: serveThumbnail });

  async function showPage(request: Asked, reply: FastifyReply): Promise<unknown> {
    const { folder, after } = request.query;
    const visitor = visitorOf(request, request.method === 'HEAD');
    const visit = await visits.look(keyOf(request), visitor, {
      folderId: first(folder),
      after: first(after),
    });
    return send(reply, 200, await pageOf(request, visit));
  }

  async function pageOf(request: Asked, visit: Visit): Promise<string> {
    const files = filesOf(visit);
    const blobs = files.flatMap(({ blob }) => blob?.toHexString() ?? []);
    const found = blobs.length > 0 ? await previews.ofBlobs(blobs) : [];
    const shown = new Set(blobs.filter((_, i) => (found[i]?.length ?? 0) > 0));
    const facts = {
      address: addressOf(request),
      hasPreview: ({ blob, isAwaitingScan }: StoredFile) =>
        !isAwaitingScan && shown.has(blob?.toHexString() ?? ''),
      mayDownload: (file: StoredFile) => visits.mayDownload(visit.link, file),
    };
    return visit.kind === 'FILE' ? filePage(visit, facts) : folderPage(visit, facts);
  }

  function takePassword(request: Asked, reply: FastifyReply): Promise<unknown> {
    const address = addressOf(request);
    // A body is read outside of the request’s scope.
    return withinRequest(request.facts, async () => {
      const password = request.body?.get('password') ?? '';
      const { link } = await access.enter({ ...keyOf(request), password });
      const cookie = { path: address, httpOnly: true, sameSite: 'lax', secure: secureCookies } as const;
      reply.setCookie(COOKIE, proofs.give(link, PROOF_SECONDS), { ...cookie, maxAge: PROOF_SECONDS });
      return reply.code(303).header('location', address).send();
    });
  }

  async function serveContent(request: Asked, reply: FastifyReply): Promise<unknown> {
    const visitor = visitorOf(request);
    const entered = await access.enter(keyOf(request));
    const content = await contents.authorise(entered, visitor, first(request.query.file));
    const { link, file } = content;
    if (request.method === 'HEAD') await contents.requireLeft(link, visitor, file);
    const disposition = first(request.query.disposition) === 'inline' ? 'inline' : 'attachment';
    // A copy that anybody keeps would be a download that nobody counts.
    const answered: AnsweredContent = {
      ...{ file: { ...file, isPublic: false }, disposition, headers: SECRET_CONTENT },
      // Without a cookie, the address alone carries the right.
      isSignedUrl: !link.passwordHash || request.query.proof !== undefined,
    };
    return answerContent(request, reply, answered, async (part) =>
      reply.send(await contents.open(content, part)),
    );
  }

  async function serveArchive(request: Asked, reply: FastifyReply): Promise<unknown> {
    const entered = await access.enter(keyOf(request));
    const { archive, begin } = await archives.plan(entered, visitorOf(request), first(request.query.folder));
    await spendArchive(limits, request, archive);
    if (request.method === 'HEAD') return sendArchive(request, reply, archive);
    const delivery = await begin();
    try {
      const answer = await sendArchive(request, reply, archive);
      await delivery.ended(0, true);
      return answer;
    } catch (error) {
      await delivery.ended(0, false);
      throw error;
    }
  }

  async function serveThumbnail(
    request: FastifyRequest<ThumbnailRequest>,
    reply: FastifyReply,
  ): Promise<unknown> {
    const entered = await access.enter(keyOf(request));
    const file = await contents.find(entered, first(request.query.file));
    if (entered.link.allowDownload) await contents.requireLeft(entered.link, visitorOf(request));
    if (file.isAwaitingScan) throw new AppError('NOT_FOUND', 'There is no such preview.');
    const { size } = request.params;
    const { bytes } = await previews.open(file, /^\d{1,4}$/.test(size) ? Number(size) : Number.NaN);
    return reply.headers(THUMBNAIL).header('content-length', bytes.length).send(bytes);
  }

  function keyOf({ params, query, cookies, ip }: Asked): LinkKey {
    return { token: params.token, proofs: [first(query.proof), cookies[COOKIE]], ip };
  }
}

/** What every answer carries whose address is a secret: nobody is told of it, and nobody lists it. */
const SECRET_ADDRESS = {
  'referrer-policy': 'no-referrer',
  'x-robots-tag': 'noindex, nofollow',
  'cache-control': 'private, no-store',
};
const SECRET_CONTENT = { ...SECRET_ADDRESS, 'Cache-Control': 'private, no-store, no-transform' };

const THUMBNAIL = {
  ...SECRET_ADDRESS,
  'content-type': 'image/webp',
  'content-disposition': 'inline',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "sandbox; default-src 'none'",
  'cross-origin-resource-policy': 'cross-origin',
};

const addressOf = ({ params }: Asked) => `/s/${encodeURIComponent(params.token)}`;
const first = (value: string | string[] | undefined): string | undefined => [value].flat()[0];
const wantsPage = ({ headers }: FastifyRequest) => /\btext\/html\b/.test(headers.accept ?? '');

function visitorOf({ ip, headers }: FastifyRequest, isHead = false): Visitor {
  const userAgent = headers['user-agent'] ?? null;
  const purposes = [headers['sec-purpose'], headers.purpose, headers['x-purpose'], headers['x-moz']];
  return { ip, userAgent, isBot: isHead || looksAhead(userAgent, purposes) };
}

function filesOf(visit: Visit): StoredFile[] {
  if (visit.kind === 'FILE') return [visit.file];
  return visit.page.nodes.flatMap(({ kind, thing }) => (kind === 'FILE' ? [thing as StoredFile] : []));
}

function send(reply: FastifyReply, status: number, html: string): FastifyReply {
  return reply.code(status).headers(SHARE_PAGE_HEADERS).send(html);
}

const TITLES: Partial<Record<AppError['code'], string>> = {
  NOT_FOUND: 'There is nothing here',
  GONE: 'This link has ended',
  FORBIDDEN: 'This is not allowed',
  RATE_LIMITED: 'Too many requests',
  FILE_LOCKED: 'Not yet',
};

function refusalOf(error: unknown, request: Asked): string {
  const usual = 'That did not work';
  if (!(error instanceof AppError)) return refusalPage(usual, 'Try again later.');
  const { code, message } = error;
  const isTry = request.method === 'POST' && (code === 'FORBIDDEN' || code === 'RATE_LIMITED');
  if (code === 'UNAUTHENTICATED' || isTry)
    return passwordPage(addressOf(request), isTry ? message : undefined);
  return refusalPage(TITLES[code] ?? usual, message);
}
