import type { KeyObject } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import { SegmentReader } from './segment-reader.ts';
import { type SegmentSpan, spanOf } from './segments.ts';

const BUFFERED_BYTES = 256 * 1024;

/** Decrypts a span of segments as they pass; fails with a BrokenSeal before any byte of one that is not right. */
export class Decryptor extends Transform {
  readonly #segments: SegmentReader;

  /** `plainBytes` are those of the whole content; without a span all of it comes. */
  constructor(key: KeyObject, plainBytes: number, span: SegmentSpan = spanOf(plainBytes)) {
    super({ highWaterMark: BUFFERED_BYTES });
    this.#segments = new SegmentReader(key, plainBytes, span);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
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
