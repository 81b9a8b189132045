import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Config } from '../config.ts';
import { isMultipartType } from '../graphql/multipart/multipart-request.ts';
import { keepPace } from '../http/pace.ts';
import type { Log } from './log.ts';

type Settings = Pick<Config, 'UPLOAD_IDLE_SECONDS' | 'UPLOAD_MIN_RATE' | 'MAX_CONNECTIONS'>;

const HEADERS_MS = 60_000;
const BODY_MS = 30_000;
const PACE_MS = 60_000;
const MOST_REQUESTS = 10_000;
const LOG_EVERY_MS = 60_000;
const PART_ADDRESS = /^\/uploads\//;

/** How often Node looks for connections whose headers are late. */
export const HEADERS_CHECK_MS = 1_000;

/** Bounds what connections may hold: how many, how slow, how long until a request’s headers and its body are there. */
export function boundConnections(app: FastifyInstance, config: Settings, log: Log): void {
  const server = app.server as Server;
  // No wait for a client is longer than the one after which a connection without a byte is cut.
  const atMost = (ms: number) => Math.min(ms, config.UPLOAD_IDLE_SECONDS * 1000);
  server.headersTimeout = atMost(HEADERS_MS);
  server.maxRequestsPerSocket = MOST_REQUESTS;
  server.maxConnections = config.MAX_CONNECTIONS;
  let loggedAt = Number.NEGATIVE_INFINITY;
  server.on('drop', () => {
    if (performance.now() - loggedAt < LOG_EVERY_MS) return;
    loggedAt = performance.now();
    log.warn({ most: config.MAX_CONNECTIONS }, 'connections are refused: as many are open as may be');
  });
  const rules = { minRate: config.UPLOAD_MIN_RATE, windowMs: atMost(PACE_MS), bodyMs: atMost(BODY_MS) };
  keepPace(app, rules, isUpload);
  waitForAnswers(app, config.UPLOAD_IDLE_SECONDS * 1000);
}

/**
 * From the last byte of a body to the first of the answer a connection is idle because of the service, which may store or
 * scan for minutes: that is no reason to cut it.
 */
function waitForAnswers(app: FastifyInstance, idleMs: number): void {
  const answerless = new WeakSet<Socket>();
  app.addHook('onRequest', async ({ raw }) => {
    raw.once('end', () => answerless.add(raw.socket));
  });
  app.addHook('onSend', async ({ raw }) => void answerless.delete(raw.socket));
  // Whoever listens for this decides instead of Node.
  app.server.on('timeout', (socket: Socket) => {
    if (answerless.has(socket)) socket.setTimeout(idleMs);
    else socket.destroy();
  });
}

function isUpload({ headers, url }: FastifyRequest): boolean {
  return PART_ADDRESS.test(url) || isMultipartType(headers['content-type']);
}
