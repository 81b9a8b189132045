import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { GRAPHQL_TRANSPORT_WS_PROTOCOL } from 'graphql-ws';
import { WebSocketServer } from 'ws';
import { AppError } from '../../errors.ts';
import type { RateLimits } from '../../services/limits/rate-limits.ts';
import { spendRequest } from '../operation-rate.ts';
import type { GraphQLSockets } from './websocket-sockets.ts';

/** Where sockets are opened, and for whom. */
export interface WebSocketDoorOptions {
  readonly sockets: GraphQLSockets;
  readonly limits: RateLimits;
  /** The origins whose pages may open one besides our own; `*` for all. */
  readonly origins: readonly string[];
  readonly maxMessageBytes: number;
}

interface Upgrade {
  readonly socket: Socket;
  readonly head: Buffer;
}

const PATH = '/graphql';
const VERSION = '13';
const REFUSAL_MS = 5_000;
const MAX_FRAGMENTS = 256;

/**
 * Node’s `shouldUpgradeCallback`: only offers of a WebSocket are looked at; every other one is ignored, as RFC 9110
 * section 7.8 lets a server do: many clients offer h2c with each plain request.
 */
export const offersWebSocket = ({ headers }: IncomingMessage) =>
  headers.upgrade?.toLowerCase() === 'websocket';

/**
 * Opens WebSockets at `/graphql` on the app’s server; call it before there are routes. A handshake goes through the
 * app’s hooks like every request, and what is refused is answered like one and closed.
 */
export function openWebSocketDoor(app: FastifyInstance, options: WebSocketDoorOptions): void {
  const { sockets, limits } = options;
  const upgrades = new WeakMap<IncomingMessage, Upgrade>();
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: options.maxMessageBytes,
    maxFragments: MAX_FRAGMENTS,
    handleProtocols: () => GRAPHQL_TRANSPORT_WS_PROTOCOL,
  });

  app.server.on('upgrade', (request, socket: Socket, head) => {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    socket.on('error', () => socket.destroy());
    const giveUp = setTimeout(() => socket.destroy(), REFUSAL_MS);
    response.once('close', () => clearTimeout(giveUp));
    response.once('finish', () => socket.end());
    upgrades.set(request, { socket, head });
    app.routing(request, response);
  });

  app.addHook('onRequest', async (request, reply) => {
    const upgrade = upgrades.get(request.raw);
    if (!upgrade) return;
    requireHandshake(request);
    requireOrigin(request, options.origins);
    await spendRequest(limits, { viewer: null, client: request.facts });
    sockets.requireRoom(request.facts);
    open(request, reply, upgrade);
  });

  app.addHook('preClose', () => sockets.close());

  function open(request: FastifyRequest, reply: FastifyReply, { socket, head }: Upgrade) {
    reply.hijack();
    reply.raw.detachSocket(socket);
    // For whoever waits for the end of the request.
    reply.raw.emit('close');
    server.handleUpgrade(request.raw, socket, head, (ws) => sockets.add(ws, request.facts));
  }
}

function requireHandshake(request: FastifyRequest): void {
  const { headers } = request;
  if (request.url.split('?')[0] !== PATH)
    throw new AppError('NOT_FOUND', `WebSockets are opened at ${PATH}.`);
  const protocols = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? [];
  if (!protocols.includes(GRAPHQL_TRANSPORT_WS_PROTOCOL)) {
    throw new AppError('BAD_USER_INPUT', `The only protocol here is ${GRAPHQL_TRANSPORT_WS_PROTOCOL}.`);
  }
  if (request.method !== 'GET' || headers['sec-websocket-version'] !== VERSION) {
    throw new AppError('BAD_USER_INPUT', `A WebSocket is opened by GET, in version ${VERSION}.`);
  }
}

/** No browser asks before it opens a socket, as it does before a cross-origin request: here the answer is given. */
function requireOrigin(request: FastifyRequest, allowed: readonly string[]): void {
  const { origin } = request.headers;
  // Only browsers send one, and they always do.
  if (origin === undefined || allowed.includes('*') || allowed.includes(origin)) return;
  if (isOwn(origin, request.host)) return;
  throw new AppError('FORBIDDEN', 'Pages of this origin may not open WebSockets here.');
}

function isOwn(origin: string, host: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host: its } = new URL(origin);
  const own = `${protocol}//${host}`;
  return /^https?:$/.test(protocol) && URL.canParse(own) && new URL(own).host === its;
}
