import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../errors.ts';
import { takePlaces } from '../../services/limits/upload-places.ts';
import type { UploadSlots } from '../../services/limits/upload-slots.ts';
import { withinRequest } from '../../services/request-facts.ts';
import {
  goneRequest,
  type OpenRequest,
  type RequestAccess,
} from '../../services/sharing/requests/request-access.ts';
import type { RequestDrops } from '../../services/sharing/requests/request-drops.ts';
import { requestKey } from '../../services/sharing/requests/upload-requests.ts';
import { readDrops, STOPPED } from '../drop-parts.ts';
import { type AnswerUnread, errorBody } from '../error-answers.ts';
import { SHARE_PAGE_HEADERS } from './share-style.ts';
import { type DropResult, dropPage, noDropPage, requestPasswordPage } from './upload-request-page.ts';

interface TokenRequest {
  Params: { token: string };
  Body: URLSearchParams | undefined;
}

/** What the pages are made with. */
export interface UploadRequestRouteOptions {
  readonly requestAccess: RequestAccess;
  readonly drops: RequestDrops;
  readonly slots: UploadSlots;
  readonly answerUnread: AnswerUnread;
  /** Files of one form, and bytes of one file. */
  readonly maxFiles: number;
  readonly maxFileSize: number;
}

const ADDRESS = '/u/:token';
const FORM_BYTES = 4 * 1024;
const FORM_TYPE = 'application/x-www-form-urlencoded';
const ENVELOPE_BYTES = 1024 * 1024;
// After these no further file of the form could come in either.
const FINAL = new Set([
  'GONE',
  'NOT_FOUND',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'QUOTA_EXCEEDED',
]);

/** `GET|POST /u/:token`: the page of an upload request, and the files that its form sends. */
export async function uploadRequestRoutes(
  app: FastifyInstance,
  options: UploadRequestRouteOptions,
): Promise<void> {
  const { requestAccess: access, drops, slots, answerUnread, maxFiles, maxFileSize } = options;
  const opened = new WeakMap<FastifyRequest, OpenRequest>();
  const paged = new WeakSet<FastifyRequest>();
  const config = { needs: 'anyone' } as const;

  app.removeAllContentTypeParsers();
  app.addContentTypeParser(FORM_TYPE, { parseAs: 'string', bodyLimit: FORM_BYTES }, (_request, body, done) =>
    done(null, new URLSearchParams(String(body))),
  );
  // Its files are read one after another, as they are stored.
  app.addContentTypeParser('multipart/form-data', (_request, _body, done) => done(null));

  // What answers a request that is not read to its end sends JSON; people get a page.
  app.addHook('onSend', async (request, reply) => {
    if (paged.has(request)) reply.headers(SHARE_PAGE_HEADERS);
  });
  app.setErrorHandler((error, request, reply) => {
    const json = errorBody(error, request, reply);
    const { message } = error instanceof AppError && error.status < 500 ? error : { message: FAILED };
    return send(request, reply, { status: reply.statusCode, html: noDropPage(message), json });
  });

  app.get<TokenRequest>(ADDRESS, { config }, async (request, reply) => {
    const open = await access.find(request.params.token);
    return send(request, reply, { status: 200, ...shown(open, null) });
  });

  app.post<TokenRequest>(ADDRESS, { config, onRequest: admit }, (request, reply) =>
    // A body is read outside of the request’s scope.
    withinRequest(request.facts, () => (isForm(request) ? prove(request, reply) : take(request, reply))),
  );

  /** Decides by the address and the headers alone whether the body is worth reading. */
  async function admit(request: FastifyRequest<TokenRequest>, reply: FastifyReply): Promise<void> {
    const open = await access.find(request.params.token);
    opened.set(request, open);
    if (!isForm(request)) {
      const length = Number(request.headers['content-length'] ?? 0);
      if (length > ENVELOPE_BYTES && length - ENVELOPE_BYTES > (await drops.remainingBytes(open.request)))
        throw new AppError('QUOTA_EXCEEDED', 'There is not enough room for this.');
      takePlaces(slots, { request: request.raw, response: reply.raw }, requestKey(open.request));
    }
    if (request.headers.expect?.toLowerCase() === '100-continue') reply.raw.writeContinue();
  }

  /** The form’s password, for the form that takes files. */
  async function prove(request: FastifyRequest<TokenRequest>, reply: FastifyReply): Promise<unknown> {
    const open = opened.get(request) as OpenRequest;
    try {
      const password = request.body?.get('password');
      const proof = await access.requirePassword(open.request, { password, ip: request.ip });
      return send(request, reply, { status: 200, ...shown(open, proof) });
    } catch (error) {
      if (!(error instanceof AppError) || error.status >= 500) throw error;
      const json = errorBody(error, request, reply);
      return send(request, reply, { status: error.status, html: requestPasswordPage(error.message), json });
    }
  }

  async function take(request: FastifyRequest<TokenRequest>, reply: FastifyReply): Promise<unknown> {
    const open = opened.get(request) as OpenRequest;
    const fields = new Map<string, string>();
    const results: (DropResult & { error?: AppError })[] = [];
    const gone = new AbortController();
    request.raw.once('close', () => {
      if (!request.raw.readableEnded) gone.abort(wentAway());
    });
    let proof: string | null = null;

    const wasRead = await readDrops(request.raw, {
      field: (name, value) => void fields.set(name, value),
      async file({ filename, mimeType, stream }) {
        // Browsers send a part without a name where no file was chosen.
        if (filename === '') return;
        try {
          const key = { password: fields.get('password'), proof: fields.get('proof'), ip: request.ip };
          proof ??= await access.requirePassword(open.request, key);
          if (results.length >= maxFiles) throw tooMany(maxFiles);
          const file = await drops.drop(open.request, { filename, mimeType, stream }, gone.signal);
          results.push({ name: file.originalName, size: file.fileSize, problem: null });
        } catch (cause) {
          const error = refusalOf(cause, request);
          results.push({ name: filename, size: null, problem: error.message, error });
          // Of more files than are taken the first is told, not each of however many follow.
          const isFinal = FINAL.has(error.code) || error.status >= 500 || results.length > maxFiles;
          if (isFinal) throw STOPPED;
        }
      },
    });
    const first = results.find(({ error }) => error)?.error;
    const isTaken = results.some(({ error }) => !error);
    if (!isTaken && first?.retryAfter !== undefined) reply.header('retry-after', Math.ceil(first.retryAfter));
    const status = isTaken ? 200 : (first?.status ?? 400);
    const after = await access.find(request.params.token).catch(() => null);
    const html = after ? shown(after, proof, results).html : noDropPage(goneRequest().message, results);
    return send(request, reply, { status, html, json: JSON.stringify(toldOf(results)) }, wasRead);
  }

  /** What whoever has shown so much of the password gets to see of a request. */
  function shown(open: OpenRequest, proof: string | null, results: DropResult[] | null = null) {
    if (!access.isProved(open.request, proof))
      return { html: requestPasswordPage(undefined, results), json: JSON.stringify({ needsPassword: true }) };
    const facts = { ...factsOf(open, maxFileSize), ...(proof && { proof }) };
    return { html: dropPage(open, { proof, maxFileSize }, results), json: JSON.stringify(facts) };
  }

  /** The page or, for programs, the JSON of it. */
  function send(
    request: FastifyRequest,
    reply: FastifyReply,
    { status, html, json }: { status: number; html: string; json: string },
    wasRead = request.method !== 'POST' || isForm(request),
  ): FastifyReply {
    reply.code(status).headers(SECRET_ADDRESS);
    const isJson = wantsJson(request);
    // A person types the password into a form of the page, and no browser knows Bearer.
    if (!isJson) {
      paged.add(request);
      reply.removeHeader('www-authenticate');
    }
    const body = isJson ? json : html;
    return wasRead
      ? reply.type('application/json; charset=utf-8').send(body)
      : answerUnread(request, reply, body);
  }
}

const FAILED = 'Something went wrong on the server.';

const isForm = ({ headers }: FastifyRequest) => headers['content-type']?.startsWith(FORM_TYPE) ?? false;
const wantsJson = ({ headers }: FastifyRequest) => headers.accept?.includes('application/json') ?? false;
const wentAway = () => new AppError('BAD_USER_INPUT', 'The client went away before the file was complete.');

const tooMany = (most: number) =>
  new AppError('PAYLOAD_TOO_LARGE', `At most ${most} files can be sent at once.`);

// What is answered depends on who asks, and no address of it is for anybody else.
const SECRET_ADDRESS = { vary: 'accept', 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' };

/** What a program learns of the files that it sent. */
const toldOf = (results: readonly (DropResult & { error?: AppError })[]) => ({
  received: results.filter(({ error }) => !error).map(({ name, size }) => ({ name, size })),
  refused: results.flatMap(({ name, error }) =>
    error ? [{ name, code: error.code, message: error.message }] : [],
  ),
});

/** What a program learns of a request: no more than the page shows. */
const factsOf = ({ request, folder, maker }: OpenRequest, maxFileSize: number) => ({
  folder: folder.name,
  from: maker,
  note: request.note ?? null,
  needsPassword: Boolean(request.passwordHash),
  filesLeft: request.maxFiles == null ? null : Math.max(0, request.maxFiles - request.files),
  maxFileSize: Math.min(request.maxFileSize ?? maxFileSize, maxFileSize),
  allowedTypes: request.allowedTypes,
  expiresAt: request.expiresAt ?? null,
});

/** What is told of a file that was not taken; what failed here is logged, and masked. */
function refusalOf(error: unknown, request: FastifyRequest): AppError {
  const known = error instanceof AppError ? error : new AppError('INTERNAL_SERVER_ERROR', FAILED);
  if (known.status >= 500 && known.code !== 'QUOTA_EXCEEDED')
    request.log.error({ err: error, requestId: request.id }, 'a file could not be taken in');
  return known;
}
