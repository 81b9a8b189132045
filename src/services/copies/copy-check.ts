import { createHash, type KeyObject } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import { BrokenSeal } from '../../encryption/broken-seal.ts';
import { SegmentReader } from '../../encryption/segment-reader.ts';
import { cipherSize, spanOf } from '../../encryption/segments.ts';
import type { Throttle } from './throttle.ts';

const BUFFERED_BYTES = 128 * 1024;

/** What may be known of bytes that pass, and done to them. */
export interface PassOptions {
  /** Is told of bytes as they pass. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
  /** Slows the bytes down. */
  readonly rate?: Throttle | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a copy must be: so many plain bytes with this SHA-256, encrypted with this key where there is one. */
export interface ExpectedCopy {
  readonly size: number;
  readonly hash: string;
  readonly key: KeyObject | null;
}

/**
 * Lets a copy’s bytes pass as they are and learns whether they are the blob’s; encrypted ones it decrypts on the side. It
 * holds one chunk, and one segment, at most beside its buffers.
 */
export class CopyCheck extends Transform {
  private readonly expected: ExpectedCopy;
  private readonly storedBytes: number;
  private readonly segments: SegmentReader | null;
  private readonly options: PassOptions;
  private readonly sha256 = createHash('sha256');
  private passed = 0;
  private digest: string | undefined;
  private broken: BrokenSeal | undefined;

  constructor(expected: ExpectedCopy, options: PassOptions = {}) {
    super({ highWaterMark: BUFFERED_BYTES });
    this.expected = expected;
    this.options = options;
    const { key, size } = expected;
    this.storedBytes = key ? cipherSize(size) : size;
    this.segments = key && new SegmentReader(key, size, spanOf(size));
  }

  /** Whether all bytes that passed were exactly the blob’s; only once the stream has ended. */
  get matches(): boolean {
    this.digest ??= this.sha256.digest('hex');
    return !this.broken && this.passed === this.storedBytes && this.digest === this.expected.hash;
  }

  /** What is wrong with the bytes that passed. */
  get difference(): string {
    if (this.passed !== this.storedBytes) return `${this.passed} bytes instead of ${this.storedBytes}`;
    if (this.broken) return `something else than was encrypted: ${this.broken.problem}`;
    return this.matches ? 'nothing' : `the SHA-256 ${this.digest} instead of ${this.expected.hash}`;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.pass(chunk).then(() => callback(), callback);
  }

  private async pass(chunk: Buffer): Promise<void> {
    const { rate, signal, onBytes } = this.options;
    const portion = rate?.portion ?? chunk.length;
    for (let at = 0; at < chunk.length; at += portion) {
      const bytes = chunk.subarray(at, at + portion);
      await rate?.take(bytes.length, signal);
      this.passed += bytes.length;
      this.look(bytes);
      onBytes?.(bytes.length);
      this.push(bytes);
    }
  }

  private look(bytes: Buffer): void {
    if (!this.segments) return void this.sha256.update(bytes);
    // What is wrong is told at the end, as it is of plain bytes.
    if (this.broken) return;
    try {
      for (const plain of this.segments.push(bytes)) this.sha256.update(plain);
    } catch (error) {
      if (!(error instanceof BrokenSeal)) throw error;
      this.broken = error;
    }
  }
}
