import { randomUUID } from 'node:crypto';
import cookie from '@fastify/cookie';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  fastify,
  LogController,
} from 'fastify';
import type { Config } from '../config.ts';
import { createApollo } from '../graphql/apollo.ts';
import { graphqlRoutes } from '../graphql/graphql-route.ts';
import { ENVELOPE_BYTES } from '../graphql/multipart-request.ts';
import { answerUnread } from '../graphql/refusal.ts';
import { createSchema } from '../graphql/schema.ts';
import { contentRoutes } from '../http/content-route.ts';
import { answerErrors } from '../http/error-answers.ts';
import { type Check, healthRoutes } from '../http/health-route.ts';
import type { Metrics } from '../http/metrics.ts';
import { metricsRoutes } from '../http/metrics-route.ts';
import { partRoutes } from '../http/part-route.ts';
import { playgroundPage, playgroundRoutes, wantsPlayground } from '../http/playground-route.ts';
import { withinRequest } from '../services/request-facts.ts';
import type { Log } from './log.ts';
import type { Wired } from './services.ts';

const MAX_JSON_BYTES = 1024 * 1024;
const HEADERS_TIMEOUT_MS = 60_000;
const PLAIN_REQUEST_ID = /^[\w.-]{1,64}$/;

/** Builds the HTTP server with every route; it does not listen yet. */
export async function createServer(parts: {
  config: Config;
  wired: Wired;
  metrics: Metrics;
  log: Log;
  checks: Readonly<Record<string, Check>>;
  stopping: () => boolean;
  assetsDirectory: string;
}): Promise<FastifyInstance> {
  const { config, wired, metrics, log } = parts;
  const app = fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: typeof config.trustProxy === 'number' ? firstHops(config.trustProxy) : config.trustProxy,
    genReqId: requestId,
    // Honest uploads may take hours: what ends a request is that nothing comes any more, not that it lasts.
    requestTimeout: 0,
    connectionTimeout: config.UPLOAD_IDLE_SECONDS * 1000,
    keepAliveTimeout: 72_000,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 200 },
  });
  app.server.headersTimeout = HEADERS_TIMEOUT_MS;
  // Node would ask for the body at once; here the headers decide first (see the GraphQL route).
  app.server.on('checkContinue', (request, response) => app.server.emit('request', request, response));

  metrics.observe(app);
  answerErrors(app, answerUnread);
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    const facts = { requestId: request.id, ip: request.ip, userAgent: request.headers['user-agent'] ?? null };
    withinRequest(facts, done);
  });
  app.addHook('onSend', async (_request, reply) => {
    if (parts.stopping()) reply.header('connection', 'close');
  });
  app.addHook('onResponse', async (request, reply) => {
    request.log.info({ req: request, res: reply, milliseconds: Math.round(reply.elapsedTime) }, 'answered');
  });

  await app.register(helmet, {
    // Whether sibling hosts have HTTPS is not for one service to say.
    strictTransportSecurity: config.isProduction ? { maxAge: 31_536_000, includeSubDomains: false } : false,
    contentSecurityPolicy: {
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
      useDefaults: false,
    },
  });
  await app.register(cors, {
    origin: config.CORS_ORIGIN.includes('*') ? '*' : [...config.CORS_ORIGIN],
    credentials: !config.CORS_ORIGIN.includes('*'),
    methods: ['GET', 'HEAD', 'POST', 'PUT'],
    exposedHeaders: ['x-request-id', 'content-range', 'accept-ranges', 'etag', 'content-disposition'],
    maxAge: 600,
  });
  await app.register(cookie);

  await app.register(healthRoutes, { checks: parts.checks, stopping: parts.stopping });
  await app.register(metricsRoutes, { metrics, token: config.METRICS_TOKEN ?? null });
  await app.register(contentRoutes, { downloads: wired.downloads });
  await app.register(partRoutes, { parts: wired.parts, answerUnread });
  if (config.playground) await app.register(playgroundRoutes, { assetsDirectory: parts.assetsDirectory });
  await app.register(graphqlRoutes, await graphqlOptions(parts));
  return app;
}

async function graphqlOptions({ config, wired, log }: { config: Config; wired: Wired; log: Log }) {
  const apollo = createApollo(await createSchema(), {
    introspection: config.introspection,
    log: {
      failed: (requestId, operation, err) => log.error({ requestId, operation, err }, 'a request failed'),
      refused: (requestId, operation, code, message) =>
        log.info({ requestId, operation, code, message }, 'refused'),
    },
  });
  await apollo.start();
  return {
    apollo,
    services: wired.services,
    multipart: {
      fieldBytes: MAX_JSON_BYTES,
      maxFiles: config.MAX_FILES_PER_REQUEST,
      maxFileSize: config.MAX_FILE_SIZE,
      spill: { directory: config.spillPath, maxBytes: config.UPLOAD_SPILL_SIZE },
    },
    maxRequestBytes: config.MAX_FILE_SIZE * config.MAX_FILES_PER_REQUEST + ENVELOPE_BYTES,
    maxJsonBytes: MAX_JSON_BYTES,
    secureCookies: config.isProduction,
    page: (request: FastifyRequest) =>
      config.playground && wantsPlayground(request) ? playgroundPage() : null,
  };
}

/** Trusts so many proxies, counted from this process outwards. */
const firstHops = (hops: number) => (_address: string, hop: number) => hop < hops;

function requestId(request: { headers: Record<string, string | string[] | undefined> }): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && PLAIN_REQUEST_ID.test(given) ? given : randomUUID();
}
