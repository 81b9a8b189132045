import { Readable } from 'node:stream';
import type { OpenBlob } from '../../src/blobs/blob-store.ts';

/** Bytes that differ from place to place and from seed to seed, so that a shifted or mixed copy is seen. */
export function patternOf(size: number, seed = 0): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let index = 0; index < size; index += 1)
    bytes[index] = (index * 31 + (index >> 8) * 7 + (index >> 16) + seed * 101) & 255;
  return bytes;
}

/** A source of this content, cut into chunks of the given sizes in turn. */
export function chunked(content: Buffer, ...sizes: number[]): Readable {
  let at = 0;
  let turn = 0;
  return new Readable({
    read() {
      const size = sizes[turn++ % sizes.length] ?? 1;
      this.push(at < content.length ? content.subarray(at, at + size) : null);
      at += size;
    },
  });
}

/** A source of so many bytes that are made as they are asked for, 64 KiB at a time. */
export function sourceOf(total: number, seen: (chunk: Buffer) => void = () => {}): Readable {
  let left = total;
  return new Readable({
    read() {
      if (left === 0) {
        this.push(null);
        return;
      }
      const chunk = Buffer.alloc(Math.min(65_536, left), left / 65_536);
      left -= chunk.length;
      seen(chunk);
      this.push(chunk);
    },
  });
}

/** A source that gives so many bytes and then waits for ever. */
export function stalledAfter(bytes: number): Readable {
  let left = bytes;
  return new Readable({
    read() {
      if (left === 0) return;
      const chunk = Buffer.alloc(Math.min(65_536, left), 7);
      left -= chunk.length;
      this.push(chunk);
    },
  });
}

/** Everything a stream or an open blob gives, for the small streams of the tests. */
export async function read(from: Readable | OpenBlob): Promise<Buffer> {
  const stream = from instanceof Readable ? from : from.stream;
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
