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
import { type ApolloOptions, createApollo, reporting } from '../graphql/apollo.ts';
import { DocumentGate } from '../graphql/documents/document-gate.ts';
import { readTrustedDocuments } from '../graphql/documents/trusted-document-files.ts';
import { graphqlRoutes } from '../graphql/graphql-route.ts';
import { ENVELOPE_BYTES } from '../graphql/multipart/multipart-request.ts';
import { answerUnread } from '../graphql/refusal.ts';
import { createSchema } from '../graphql/schema.ts';
import { offersWebSocket } from '../graphql/websocket/websocket-door.ts';
import { archiveRoutes } from '../http/archive/archive-route.ts';
import { avatarRoutes } from '../http/avatar-route.ts';
import { contentRoutes } from '../http/content-route.ts';
import { answerErrors } from '../http/error-answers.ts';
import { exportRoutes } from '../http/export-route.ts';
import { type Check, healthRoutes } from '../http/health-route.ts';
import type { Metrics } from '../http/metrics.ts';
import { metricsRoutes } from '../http/metrics-route.ts';
import { mailboxRoutes } from '../http/pages/mailbox-route.ts';
import { mailedLinkRoutes } from '../http/pages/mailed-links-route.ts';
import { uploadRequestRoutes } from '../http/pages/upload-request-route.ts';
import { partRoutes } from '../http/part-route.ts';
import { playgroundPage, playgroundRoutes, wantsPlayground } from '../http/playground-route.ts';
import { scopeRequests } from '../http/request-scope.ts';
import { type RoutePermission, requireRouteNeeds } from '../http/route-needs.ts';
import { shareRoutes } from '../http/share-route.ts';
import { thumbnailRoutes } from '../http/thumbnail-route.ts';
import { limitTransfers } from '../http/transfer-rate.ts';
import { boundConnections, HEADERS_CHECK_MS } from './connections.ts';
import type { Log } from './log.ts';
import { hasMailbox } from './mail.ts';
import type { Wired } from './services.ts';
import { openSockets } from './sockets.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route and what it needs, once the server is built. */
    readonly permissions: readonly RoutePermission[];
  }
}

const MAX_JSON_BYTES = 1024 * 1024;
const EXPOSED_HEADERS = [
  'x-request-id',
  'content-range',
  'accept-ranges',
  'etag',
  'content-disposition',
  'ratelimit',
  'ratelimit-policy',
  'retry-after',
];
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
    http: { connectionsCheckingInterval: HEADERS_CHECK_MS, shouldUpgradeCallback: offersWebSocket },
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 200 },
  });
  // Node would ask for the body at once; here the headers decide first (see the GraphQL route).
  app.server.on('checkContinue', (request, response) => app.server.emit('request', request, response));

  app.decorate('permissions', requireRouteNeeds(app));
  metrics.observe(app);
  answerErrors(app, answerUnread);
  scopeRequests(app);
  limitTransfers(app, wired.services.limits);
  boundConnections(app, config, log);
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
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: 600,
  });
  await app.register(cookie);
  const graphql = await graphqlOptions(parts);
  openSockets(app, graphql, parts);

  await app.register(healthRoutes, {
    checks: parts.checks,
    // What cannot be scanned now waits, and files are served without previews: no reason to take the whole node out.
    advisory: [
      ...(config.VIRUS_SCAN_POLICY === 'scan-later' ? ['scanner'] : []),
      ...Object.keys(wired.processing.checks),
    ],
    stopping: parts.stopping,
  });
  await app.register(metricsRoutes, { metrics, token: config.METRICS_TOKEN ?? null });
  await app.register(contentRoutes, { downloads: wired.downloads });
  await app.register(archiveRoutes, wired.services);
  await app.register(thumbnailRoutes, { previews: wired.services.previews });
  await app.register(shareRoutes, {
    sharing: wired.services.sharing,
    previews: wired.services.previews,
    limits: wired.services.limits,
    secureCookies: config.isProduction,
  });
  await app.register(avatarRoutes, { avatars: wired.services.avatars });
  await app.register(exportRoutes, { dataExports: wired.services.dataExports });
  await app.register(partRoutes, { parts: wired.parts, slots: wired.services.slots, answerUnread });
  await app.register(uploadRequestRoutes, {
    ...wired.requests,
    slots: wired.services.slots,
    answerUnread,
    maxFiles: config.MAX_FILES_PER_REQUEST,
    maxFileSize: config.MAX_FILE_SIZE,
  });
  if (!config.APP_URL) await app.register(mailedLinkRoutes, wired.services);
  if (hasMailbox(config)) await app.register(mailboxRoutes, { mailbox: wired.outbox });
  if (config.playground) await app.register(playgroundRoutes, { assetsDirectory: parts.assetsDirectory });
  await app.register(graphqlRoutes, graphql);
  return app;
}

async function graphqlOptions({ config, wired, log }: { config: Config; wired: Wired; log: Log }) {
  const schema = await createSchema();
  const trusted = config.TRUSTED_DOCUMENTS
    ? await readTrustedDocuments(config.TRUSTED_DOCUMENTS, schema)
    : null;
  const told = {
    introspection: config.introspection,
    log: {
      failed: (requestId, operation, err) => log.error({ requestId, operation, err }, 'a request failed'),
      refused: (requestId, operation, code, message) =>
        log.info({ requestId, operation, code, message }, 'refused'),
    },
  } satisfies ApolloOptions;
  const apollo = createApollo(schema, told);
  await apollo.start();
  return {
    apollo,
    schema,
    report: reporting(told),
    gate: new DocumentGate(trusted),
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
