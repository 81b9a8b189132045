import type { KeyObject } from 'node:crypto';
import { Readable } from 'node:stream';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { partSizeFor as fittingPartSize } from '../../blobs/transfer/part-size.ts';
import { PartReader, sealedPartSize } from '../../encryption/part-cipher.ts';
import { AppError, hasCode } from '../../errors.ts';
import type { DirectUpload } from '../../models/direct-upload.ts';

/** One part of a file; `start` and `size` in bytes. */
export interface PartSpan {
  readonly key: string;
  /** From 1. */
  readonly number: number;
  readonly start: number;
  readonly size: number;
  /** Bytes that it has in the store. */
  readonly storedSize: number;
}

const MOST_PARTS = 2_000;
const STATS_AT_ONCE = 16;
const MOST_ISSUES = 50;

/** The size of the parts that a file is sent in: as given, or larger where there would be more than 2,000 of them. */
export function partSizeFor(fileSize: number, partSize: number): number {
  return fittingPartSize(partSize, fileSize, MOST_PARTS);
}

/** How many parts a file is sent in; an empty file is one empty part. */
export function partCountOf(fileSize: number, partSize: number): number {
  return Math.max(1, Math.ceil(fileSize / partSize));
}

type Parts = Pick<DirectUpload, 'keys' | 'partSize' | 'fileSize' | 'encryption'>;

/** The parts in the order of their bytes. */
export function spansOf({ keys, partSize, fileSize, encryption }: Parts) {
  return keys.map((key, i): PartSpan => {
    const start = i * partSize;
    const size = Math.min(partSize, fileSize - start);
    return { key, number: i + 1, start, size, storedSize: encryption ? sealedPartSize(size) : size };
  });
}

/**
 * Resolves when every part lies in the store in full; rejects with BAD_USER_INPUT that names those that do not, the first
 * 50 of them: behind those it does not look any further.
 */
export async function requireParts(
  store: BlobStore,
  spans: readonly PartSpan[],
  signal: AbortSignal,
): Promise<void> {
  const issues: { field: string; message: string }[] = [];
  for (let i = 0; i < spans.length && issues.length < MOST_ISSUES; i += STATS_AT_ONCE) {
    signal.throwIfAborted();
    const problems = await Promise.all(
      spans.slice(i, i + STATS_AT_ONCE).map((span) => problemOf(store, span)),
    );
    for (const problem of problems) if (problem) issues.push(problem);
  }
  const [first] = issues;
  if (!first) return;
  const others = issues.length - 1;
  const atLeast = issues.length < MOST_ISSUES ? '' : 'at least ';
  const more =
    others > 0 ? `, and ${atLeast}${Math.min(others, MOST_ISSUES - 1)} more parts are not right` : '';
  const message = `${first.field} ${first.message}${more}.`;
  throw new AppError('BAD_USER_INPUT', message, { issues: issues.slice(0, MOST_ISSUES) });
}

async function problemOf(store: BlobStore, { key, number, size, storedSize }: PartSpan) {
  const field = `part ${number}`;
  try {
    const found = await store.stat(key);
    return found.size === storedSize
      ? null
      : { field, message: `has ${found.size - (storedSize - size)} bytes, not the ${size} it must have` };
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND')) return { field, message: 'was not sent' };
    throw error;
  }
}

/**
 * The bytes of all parts as one stream, which holds one of them open at a time and fails where one has changed its size.
 * With the upload’s key they are decrypted.
 */
export function joinedParts(
  store: BlobStore,
  spans: readonly PartSpan[],
  uploadKey: KeyObject | null = null,
): Readable {
  return Readable.from(bytesOf(store, spans, uploadKey), { objectMode: false });
}

async function* bytesOf(
  store: BlobStore,
  spans: readonly PartSpan[],
  uploadKey: KeyObject | null,
): AsyncGenerator<Buffer> {
  for (const { key, number, size, storedSize } of spans) {
    const part = await store.open(key).catch((error) => {
      throw hasCode(error, 'NOT_FOUND') ? changed(number, error) : error;
    });
    if (part.size !== storedSize) {
      part.stream.destroy();
      throw changed(number);
    }
    if (uploadKey) yield* opened(part.stream, new PartReader(uploadKey, number, size));
    else yield* part.stream;
  }
}

async function* opened(stored: AsyncIterable<Buffer>, reader: PartReader): AsyncGenerator<Buffer> {
  for await (const chunk of stored) yield* reader.push(chunk);
  reader.end();
}

const changed = (number: number, cause?: unknown) =>
  new AppError('BAD_USER_INPUT', `Part ${number} changed while the upload was being completed.`, { cause });
