import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** How slow a client may be. */
export interface PaceRules {
  /** Bytes a second that a client must send or take while the service waits for it; 0 is any. */
  readonly minRate: number;
  /** Milliseconds of waiting over which that is measured. */
  readonly windowMs: number;
  /** Milliseconds within which a body that is no upload must be there. */
  readonly bodyMs: number;
}

interface Watched {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Whether the body is a file’s, which may take as long as it goes on. */
  readonly isUpload: boolean;
  readonly began: number;
  readonly sent: Progress;
  readonly taken: Progress;
}

/** What moved while the service waited for the client. */
interface Progress {
  bytes: number;
  waitedMs: number;
  movedBytes: number;
}

const TICKS = 10;
const LONGEST_TICK_MS = 1_000;
const TOO_SLOW = 'HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';

/**
 * Cuts clients that are too slow to be honest. Only time that the service spends waiting for the client counts: an
 * upload that the store holds up, or a download that waits for the store, is not the client’s fault.
 */
export function keepPace(
  app: FastifyInstance,
  rules: PaceRules,
  isUpload: (request: FastifyRequest) => boolean,
): void {
  const watched = new Set<Watched>();
  app.addHook('onRequest', async (request, reply) => {
    if (reply.raw.destroyed) return;
    const each = watch(request.raw, reply.raw, isUpload(request));
    watched.add(each);
    reply.raw.once('close', () => watched.delete(each));
  });

  const tickMs = Math.min(LONGEST_TICK_MS, rules.windowMs / TICKS);
  let before = performance.now();
  const ticking = setInterval(() => {
    const now = performance.now();
    for (const each of watched) look(each, now - before, now, rules);
    before = now;
  }, tickMs);
  ticking.unref();
  app.addHook('onClose', async () => clearInterval(ticking));
}

function watch(request: IncomingMessage, response: ServerResponse, isUpload: boolean): Watched {
  const none = () => ({ bytes: 0, waitedMs: 0, movedBytes: 0 });
  const sent = { ...none(), bytes: request.socket.bytesRead };
  const taken = { ...none(), bytes: takenBytes(response) };
  return { request, response, isUpload, began: performance.now(), sent, taken };
}

function look(each: Watched, tickMs: number, now: number, rules: PaceRules): void {
  if (isLate(each, now, rules) || isSlowSender(each, tickMs, rules) || isSlowReader(each, tickMs, rules)) {
    cut(each);
  }
}

const isLate = ({ request, isUpload, began }: Watched, now: number, { bodyMs }: PaceRules) =>
  !request.complete && !isUpload && now - began > bodyMs;

function isSlowSender({ request, sent }: Watched, tickMs: number, rules: PaceRules): boolean {
  // What has come and nobody has read yet is not waited for.
  const isWaiting = !request.complete && request.readableFlowing === true && request.readableLength === 0;
  return isTooSlow(sent, request.socket.bytesRead, isWaiting, tickMs, rules);
}

function isSlowReader({ response, taken }: Watched, tickMs: number, rules: PaceRules): boolean {
  // What lies in the socket is the client’s to take; before there is something, it has nothing to do.
  const isWaiting = (response.socket?.writableLength ?? 0) > 0;
  return isTooSlow(taken, takenBytes(response), isWaiting, tickMs, rules);
}

function isTooSlow(
  progress: Progress,
  bytes: number,
  isWaiting: boolean,
  tickMs: number,
  { minRate, windowMs }: PaceRules,
): boolean {
  progress.movedBytes += bytes - progress.bytes;
  progress.bytes = bytes;
  if (isWaiting) progress.waitedMs += tickMs;
  if (progress.waitedMs < windowMs) return false;
  const isSlow = progress.movedBytes < (minRate * progress.waitedMs) / 1000;
  progress.waitedMs = 0;
  progress.movedBytes = 0;
  return isSlow;
}

// The socket counts what it was given; what it still holds the client has not taken.
const takenBytes = ({ socket }: ServerResponse) => (socket ? socket.bytesWritten - socket.writableLength : 0);

function cut({ request, response }: Watched): void {
  const { socket } = request;
  // A client that has a part of an answer could only misread another one.
  if (!response.headersSent && socket.writable) socket.write(TOO_SLOW);
  socket.destroySoon();
}
