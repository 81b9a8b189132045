import { finished, Readable } from 'node:stream';
import type { ByteRange, OpenBlob } from '../blob-store.ts';
import { cutRange, givenPart } from '../ranges.ts';
import { noSuchBlob } from '../storage-failure.ts';
import { type Ask, BodyReader } from '../transfer/body-reader.ts';
import { isRemnant, type Target } from './objects.ts';

/** Opens what lies under the key, as a store does. */
export async function openAzureBlob(target: Target, range?: ByteRange): Promise<OpenBlob> {
  // Whether it lies inside is seen when the size is known; what is no range at all is not asked for.
  const wanted = range
    ? cutRange(range, Number.MAX_SAFE_INTEGER)
    : { start: 0, end: Number.MAX_SAFE_INTEGER - 1 };
  const first = await request(target, wanted);
  try {
    if (isRemnant(first.metadata)) throw noSuchBlob(undefined);
    const { start, end, size } = givenPart(first, range);
    const ask: Ask = (left, signal) =>
      request(target, { start: end + 1 - left, end }, { ifMatch: first.etag, signal });
    const reading = { length: end - start + 1, timeoutMs: target.sending.timeoutMs, ask };
    return { size, stream: new BodyReader(first, reading) };
  } catch (error) {
    first.stop();
    throw error;
  }
}

async function request(
  { blob, sending }: Target,
  { start, end }: ByteRange,
  { ifMatch, signal }: { ifMatch?: string; signal?: AbortSignal } = {},
) {
  const count = end < Number.MAX_SAFE_INTEGER - 1 ? end - start + 1 : undefined;
  return sending.make(async (attempt) => {
    const answer = await blob.download(start, count, {
      abortSignal: attempt.signal,
      conditions: ifMatch ? { ifMatch } : {},
      maxRetryRequests: 0,
    });
    const { contentRange, contentLength, etag = '', metadata, readableStreamBody } = answer;
    if (!(readableStreamBody instanceof Readable)) throw new Error('The answer has no body.');
    // It listens to errors too, which may come before anybody reads.
    finished(readableStreamBody, attempt.keepSlot());
    return { contentRange, contentLength, etag, metadata, stream: readableStreamBody, stop: attempt.stop };
  }, signal);
}
