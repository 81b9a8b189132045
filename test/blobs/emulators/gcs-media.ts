import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { Refusal } from './gcs-answers.ts';
import type { StoredObject } from './gcs-buckets.ts';

/** The part of a content that the Range header asks for; undefined where it is to be ignored (RFC 9110 section 14.2). */
function partOf(range: string | undefined, size: number): { start: number; end: number } | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  if (start >= size) {
    throw new Refusal(416, 'requestedRangeNotSatisfiable', 'The requested range cannot be satisfied.', {
      'content-range': `bytes */${size}`,
    });
  }
  return { start, end };
}

/** Sends an object’s bytes, or the range of them that is asked for. */
export async function sendMedia(
  request: IncomingMessage,
  response: ServerResponse,
  stored: StoredObject,
  overrides: Record<string, string> = {},
): Promise<void> {
  const { size } = stored;
  const part = partOf(request.headers.range, size);
  const { start, end } = part ?? { start: 0, end: size - 1 };
  response.writeHead(part ? 206 : 200, {
    'content-type': stored.contentType ?? 'application/octet-stream',
    'content-length': end - start + 1,
    ...(part && { 'content-range': `bytes ${start}-${end}/${size}` }),
    'accept-ranges': 'bytes',
    etag: etagOf(stored),
    'last-modified': stored.made.toUTCString(),
    'x-goog-generation': stored.generation,
    'x-goog-metageneration': stored.metageneration,
    'x-goog-hash': `crc32c=${stored.crc32c},md5=${stored.md5}`,
    'x-goog-stored-content-encoding': 'identity',
    'x-goog-stored-content-length': size,
    'x-goog-storage-class': 'STANDARD',
    ...overrides,
  });
  if (request.method === 'HEAD' || size === 0) {
    response.end();
    return;
  }
  // A client that goes away, or an object that is deleted meanwhile, is no matter of the server's.
  const bytes = createReadStream(stored.path, { start, end, highWaterMark: 256 * 1024 });
  await pipeline(bytes, response).catch(() => response.destroy());
}

/** The tag of this generation. */
export function etagOf({ generation, metageneration }: StoredObject): string {
  return `"${Buffer.from(`${generation}/${metageneration}`).toString('base64')}"`;
}
