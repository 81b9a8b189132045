import type { KeyObject } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import { SegmentReader } from './segment-reader.ts';
import { type SegmentSpan, spanOf } from './segments.ts';

const BUFFERED_BYTES = 256 * 1024;

/** Decrypts a span of segments as they pass; fails with a BrokenSeal before any byte of one that is not right. */
export class Decryptor extends Transform {
  readonly #segments: SegmentReader;
  readonly #onBytes: ((bytes: number) => void) | undefined;

  /** `plainBytes` are those of the whole content; without a span all of it comes. `onBytes` hears of bytes as they come. */
  constructor(
    key: KeyObject,
    plainBytes: number,
    span: SegmentSpan = spanOf(plainBytes),
    onBytes?: (bytes: number) => void,
  ) {
    super({ highWaterMark: BUFFERED_BYTES });
    this.#segments = new SegmentReader(key, plainBytes, span);
    this.#onBytes = onBytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#onBytes?.(chunk.length);
    try {
      for (const bytes of this.#segments.push(chunk)) this.push(bytes);
      callback();
    } catch (error) {
      callback(error as Error);
    }
  }

  override _flush(callback: TransformCallback): void {
    try {
      this.#segments.end();
      callback();
    } catch (error) {
      callback(error as Error);
    }
  }
}
