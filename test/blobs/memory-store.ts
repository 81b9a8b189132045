import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { z } from 'zod';
import { requireKey } from '../../src/blobs/admission.ts';
import {
  type BlobEntry,
  type BlobStore,
  type ByteRange,
  isListed,
  type OpenBlob,
  type PutOptions,
} from '../../src/blobs/blob-store.ts';
import { cutRange } from '../../src/blobs/ranges.ts';
import { blobExists, noSuchBlob } from '../../src/blobs/storage-failure.ts';

/** The variables of this provider. */
export const env = {
  MEMORY_PLACE: z.string().min(1).prefault('memory').describe('The name of the place that holds the blobs.'),
};

/** The values of this provider’s variables. */
export type Settings = z.infer<z.ZodObject<typeof env>>;

/** What the variables lack; this provider has a default for each. */
export function problems(_settings: Settings): string[] {
  return [];
}

/** Opens a place in the memory of this process; every store of the same place holds the same blobs. */
export async function open(settings: Settings): Promise<BlobStore> {
  return new MemoryStore(settings.MEMORY_PLACE);
}

interface Blob {
  size: number;
  modifiedAt: Date;
  pieces: Piece[];
}

interface Piece {
  start: number;
  size: number;
  /** Deflated, so that a test's large but simple blob is small here. */
  bytes: Buffer;
}

const PLACES = new Map<string, Map<string, Blob>>();

class MemoryStore implements BlobStore {
  readonly provider = 'memory';
  readonly location: string;
  readonly #blobs: Map<string, Blob>;

  constructor(place: string) {
    this.location = place;
    this.#blobs = PLACES.get(place) ?? new Map();
    PLACES.set(place, this.#blobs);
  }

  async put(key: string, source: Readable, { signal }: PutOptions = {}): Promise<number> {
    try {
      requireKey(key);
      signal?.throwIfAborted();
      if (source.readableEnded) throw new Error('The source was already read to its end.');
      const { pieces, size } = await collect(source, signal);
      if (this.#blobs.has(key)) throw blobExists(undefined);
      this.#blobs.set(key, { size, pieces, modifiedAt: new Date() });
      return size;
    } catch (error) {
      source.destroy();
      throw signal?.aborted ? signal.reason : error;
    }
  }

  async open(key: string, range?: ByteRange): Promise<OpenBlob> {
    const { size, pieces } = this.#find(key);
    const part = range ? cutRange(range, size) : { start: 0, end: size - 1 };
    return { size, stream: Readable.from(bytesOf(pieces, part), { objectMode: false }) };
  }

  async stat(key: string): Promise<BlobEntry> {
    const { size, modifiedAt } = this.#find(key);
    return { key, size, modifiedAt };
  }

  async delete(key: string): Promise<void> {
    requireKey(key);
    this.#blobs.delete(key);
  }

  async *list(prefix = ''): AsyncGenerator<BlobEntry> {
    const keys = [...this.#blobs.keys()].filter((key) => isListed(key, prefix)).sort();
    for (const key of keys) if (this.#blobs.has(key)) yield this.stat(key);
  }

  // What a killed writer left unfinished died with its process.
  async sweepUnfinished(): Promise<number> {
    return 0;
  }

  async check(): Promise<void> {}

  async close(): Promise<void> {}

  #find(key: string): Blob {
    requireKey(key);
    const blob = this.#blobs.get(key);
    if (!blob) throw noSuchBlob(undefined);
    return blob;
  }
}

async function collect(source: Readable, signal?: AbortSignal): Promise<Pick<Blob, 'pieces' | 'size'>> {
  const pieces: Piece[] = [];
  let size = 0;
  const collector = new Writable({
    write(chunk: Buffer, _encoding, done) {
      pieces.push({ start: size, size: chunk.length, bytes: deflateRawSync(chunk, { level: 1 }) });
      size += chunk.length;
      done();
    },
  });
  await pipeline(source, collector, signal ? { signal } : {});
  // A signal that came with the last byte still counts.
  await turn();
  signal?.throwIfAborted();
  return { pieces, size };
}

function* bytesOf(pieces: readonly Piece[], { start, end }: ByteRange): Generator<Buffer> {
  for (const piece of pieces) {
    if (piece.start + piece.size <= start || piece.start > end) continue;
    const bytes = inflateRawSync(piece.bytes);
    yield bytes.subarray(Math.max(0, start - piece.start), end + 1 - piece.start);
  }
}
