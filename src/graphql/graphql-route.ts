import type { ApolloServer } from '@apollo/server';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, hasCode } from '../errors.ts';
import { requireNeed } from '../services/access.ts';
import { takePlaces } from '../services/limits/upload-places.ts';
import { withinRequest } from '../services/request-facts.ts';
import { bearerIn } from '../services/sessions/authentication.ts';
import type { Viewer } from '../services/viewer.ts';
import { refreshCookieOf } from './accounts/refresh-cookie.ts';
import type { Context, Services } from './context.ts';
import type { DocumentGate } from './documents/document-gate.ts';
import { admitDocument } from './documents/request-document.ts';
import { PREFLIGHT_ADVICE, toAppError } from './error-mapping.ts';
import {
  ENVELOPE_BYTES,
  isMultipartType,
  type MultipartLimits,
  receiveMultipart,
} from './multipart/multipart-request.ts';
import { contextWith } from './operation-context.ts';
import { spendRequest } from './operation-rate.ts';
import { answerUnread, refuse } from './refusal.ts';

/** What the endpoint is made of. */
export interface GraphQLRouteOptions {
  readonly apollo: ApolloServer<Context>;
  readonly services: Services;
  readonly gate: DocumentGate;
  readonly multipart: MultipartLimits;
  /** Bytes of a whole multipart request, where its length is known beforehand. */
  readonly maxRequestBytes: number;
  /** Bytes of a JSON request. */
  readonly maxJsonBytes: number;
  readonly secureCookies: boolean;
  /** The page for a browser that opens the endpoint; null for every other request. */
  readonly page: (request: FastifyRequest) => { html: string; headers: Record<string, string> } | null;
}

/** The GraphQL endpoint: `POST` with JSON or multipart, `GET` for queries and for the page. */
export async function graphqlRoutes(app: FastifyInstance, options: GraphQLRouteOptions): Promise<void> {
  const { apollo, services, gate } = options;
  const viewers = new WeakMap<FastifyRequest, Viewer | null>();
  const fileCounts = new WeakMap<FastifyRequest, number>();
  const signals = new WeakMap<FastifyRequest, AbortSignal>();

  const handle = fastifyApolloHandler(apollo, { context: contextOf });
  // The body was read outside of the request’s scope.
  const runOperation = (request: FastifyRequest, reply: FastifyReply) =>
    withinRequest(request.facts, () => handle.call(app, request, reply));

  // The parts of a multipart body are read by receiveMultipart, as the operation wants them.
  app.addContentTypeParser('multipart/form-data', (_request, _body, done) => done(null));

  app.setErrorHandler((error, request, reply) => {
    const known = requestError(error);
    if (known.cause !== undefined && known.status >= 500)
      request.log.error({ requestId: request.id, err: known.cause }, 'a request failed');
    return refuse(request, reply, known);
  });

  app.route({
    method: ['GET', 'POST'],
    url: '/graphql',
    config: { needs: 'fields' },
    bodyLimit: options.maxJsonBytes,
    onRequest: admit,
    handler: (request, reply) =>
      isMultipart(request) ? answerMultipart(request, reply) : answer(request, reply),
  });

  /** Decides by the headers alone whether a multipart body is worth reading. */
  async function admit(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (isMultipart(request)) {
      if (!request.headers['apollo-require-preflight'] && !request.headers['x-apollo-operation-name']) {
        throw new AppError('BAD_USER_INPUT', PREFLIGHT_ADVICE);
      }
      const token = bearerIn(request.headers.authorization);
      if (token === null)
        throw new AppError('UNAUTHENTICATED', 'Uploads need `Authorization: Bearer <accessToken>`.');
      const viewer = await services.authentication.authenticate(token);
      requireNeed(viewer, 'files:write');
      services.uploads.requireMay(viewer);
      await requireRoom(viewer, Number(request.headers['content-length'] ?? 0));
      viewers.set(request, viewer);
      await spendRequest(services.limits, { viewer, client: request.facts });
      takePlaces(services.slots, { request: request.raw, response: reply.raw }, viewer.userId.toHexString());
    }
    // Clients that ask before they send a body hear of a refusal without having sent it.
    if (request.headers.expect?.toLowerCase() === '100-continue') reply.raw.writeContinue();
  }

  async function requireRoom(viewer: Viewer, length: number): Promise<void> {
    if (length > options.maxRequestBytes) {
      throw new AppError('PAYLOAD_TOO_LARGE', `A request may have at most ${options.maxRequestBytes} bytes.`);
    }
    // A small request is as soon read as its quota is asked for; the stream itself is checked in any case.
    if (
      length > ENVELOPE_BYTES &&
      length - ENVELOPE_BYTES > (await services.uploads.remainingBytes(viewer)) &&
      // In others’ folders the quota of their owners decides.
      !(await services.folders.mayStoreElsewhere(viewer))
    ) {
      throw new AppError('QUOTA_EXCEEDED', 'The account’s storage quota cannot hold this request.');
    }
  }

  async function answer(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const page = options.page(request);
    if (page) return reply.headers(page.headers).send(page.html);
    reply.header('vary', [reply.getHeader('vary'), 'accept'].flat().filter(Boolean).join(', '));
    const viewer = await viewerOf(request);
    viewers.set(request, viewer);
    await withinRequest(request.facts, () =>
      spendRequest(services.limits, { viewer, client: request.facts }),
    );
    admitDocument(gate, request);
    return runOperation(request, reply);
  }

  async function answerMultipart(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const signal = signalOf(request);
    const received = await receiveMultipart(request.raw, options.multipart, signal);
    let release = () => {};
    try {
      release = await watchFromNow(request, signal);
      request.body = received.operation;
      fileCounts.set(request, received.fileCount);
      const account = viewers.get(request)?.userId.toHexString() ?? '';
      const further = received.fileCount - 1;
      takePlaces(services.slots, { request: request.raw, response: reply.raw }, account, further);
      admitDocument(gate, request);
      const body = (await runOperation(request, reply)) as string;
      const wasRead = await received.close();
      return wasRead ? body : answerUnread(request, reply, body);
    } finally {
      release();
      await received.close();
    }
  }

  /** Proves once more for whom the operation runs, since it may come long after its headers, and ends it with them. */
  async function watchFromNow(request: FastifyRequest, signal: AbortSignal): Promise<() => void> {
    const proved = viewers.get(request);
    const token = bearerIn(request.headers.authorization);
    if (!proved || !token) return () => {};
    const viewer = await services.authentication.again(proved, token);
    const watched = services.watch.during(viewer, signal);
    viewers.set(request, viewer);
    signals.set(request, watched.signal);
    return watched.release;
  }

  async function contextOf(request: FastifyRequest, reply: FastifyReply): Promise<Context> {
    return contextWith(request.facts, {
      viewer: viewers.get(request) ?? null,
      services,
      refreshCookie: refreshCookieOf(request, reply, { secure: options.secureCookies }),
      signal: signalOf(request),
      fileCount: fileCounts.get(request) ?? 0,
    });
  }

  /** A token that is not valid leaves the request without a viewer, so that `login` and `refreshToken` still work. */
  async function viewerOf(request: FastifyRequest): Promise<Viewer | null> {
    const token = bearerIn(request.headers.authorization);
    if (token === null) return null;
    try {
      return await services.authentication.authenticate(token);
    } catch (error) {
      if (hasCode(error, 'UNAUTHENTICATED')) return null;
      throw error;
    }
  }

  function signalOf(request: FastifyRequest): AbortSignal {
    const known = signals.get(request);
    if (known) return known;
    const controller = new AbortController();
    const gone = () => {
      if (request.raw.complete) return;
      controller.abort(
        new AppError('BAD_USER_INPUT', 'The client went away before the request was complete.'),
      );
    };
    // It may have gone while its headers were looked at, and a stream tells of its end only once.
    if (request.raw.destroyed) gone();
    else request.raw.once('close', gone);
    signals.set(request, controller.signal);
    return controller.signal;
  }
}

const isMultipart = ({ method, headers }: FastifyRequest) =>
  method === 'POST' && isMultipartType(headers['content-type']);

function requestError(error: unknown): AppError {
  const status = (error as { statusCode?: number }).statusCode;
  if (error instanceof AppError || status === undefined || status >= 500) return toAppError(error);
  const message = (error as Error).message;
  if (status === 413) return new AppError('PAYLOAD_TOO_LARGE', message);
  return new AppError(status === 415 ? 'UNSUPPORTED_MEDIA_TYPE' : 'BAD_USER_INPUT', message);
}
