import { createHash } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
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

/** Lets a copy’s bytes pass and learns whether they are the blob’s; it holds one chunk at most beside its buffers. */
export class CopyCheck extends Transform {
  private readonly expected: { size: number; hash: string };
  private readonly options: PassOptions;
  private readonly sha256 = createHash('sha256');
  private passed = 0;
  private digest: string | undefined;

  constructor(expected: { size: number; hash: string }, options: PassOptions = {}) {
    super({ highWaterMark: BUFFERED_BYTES });
    this.expected = expected;
    this.options = options;
  }

  /** Whether all bytes that passed were exactly the blob’s; only once the stream has ended. */
  get matches(): boolean {
    this.digest ??= this.sha256.digest('hex');
    return this.passed === this.expected.size && this.digest === this.expected.hash;
  }

  /** What is wrong with the bytes that passed. */
  get difference(): string {
    if (this.passed !== this.expected.size) return `${this.passed} bytes instead of ${this.expected.size}`;
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
      this.sha256.update(bytes);
      onBytes?.(bytes.length);
      this.push(bytes);
    }
  }
}
