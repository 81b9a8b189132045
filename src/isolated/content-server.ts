import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { ContentSource } from '../previews/content-source.ts';

// What a poster frame or the facts of a film take is a few MB; one that sends its reader to and fro gets no more.
const MOST_SENT_BYTES = 512 * 1024 * 1024;
// Beyond its first bytes an answer is no faster than a demuxer: one that jumps leaves the rest in the sockets’ buffers.
const EAGER_BYTES = 512 * 1024;
const BYTES_PER_MS = 32 * 1024;
const RANGE = /^bytes=(\d{1,15})-(\d{1,15})?$/;

/**
 * Serves one content to programs of this machine while `use` runs, ranges included, under an address that holds a random
 * secret; nothing of it is stored. Afterwards the address is gone.
 */
export async function serveContent<T>(source: ContentSource, use: (url: string) => Promise<T>): Promise<T> {
  const path = `/${randomBytes(24).toString('hex')}`;
  const budget = { left: MOST_SENT_BYTES };
  const server = createServer((request, response) => {
    if (request.url !== path || (request.method !== 'GET' && request.method !== 'HEAD')) {
      response.writeHead(404).end();
      return;
    }
    // A reader that jumps closes its connection, and a content that cannot be read closes it, too.
    send(source, request, response, budget).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

async function send(
  source: ContentSource,
  request: IncomingMessage,
  response: ServerResponse,
  budget: { left: number },
): Promise<void> {
  const [, first, last] = RANGE.exec(request.headers.range ?? '') ?? [];
  const start = Number(first ?? 0);
  const end = Math.min(Number(last ?? source.size - 1), source.size - 1);
  if (start > end) {
    response.writeHead(416, { 'content-range': `bytes */${source.size}` }).end();
    return;
  }
  response.writeHead(first === undefined ? 200 : 206, {
    'accept-ranges': 'bytes',
    'content-length': end - start + 1,
    'content-type': 'application/octet-stream',
    ...(first !== undefined && { 'content-range': `bytes ${start}-${end}/${source.size}` }),
  });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const stream = await source.open({ start, end });
  await pipeline(
    stream,
    async function* bounded(pieces: AsyncIterable<Buffer>) {
      let sent = 0;
      for await (const piece of pieces) {
        budget.left -= piece.length;
        sent += piece.length;
        if (sent > EAGER_BYTES) await delay(Math.ceil(piece.length / BYTES_PER_MS));
        if (budget.left < 0) throw new Error('too much was read');
        yield piece;
      }
    },
    response,
  );
}
