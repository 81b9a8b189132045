import type { KeyObject } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import { sealing } from './segment-cipher.ts';
import { SEGMENT_BYTES } from './segments.ts';

// Two of the chunks that sockets deliver: more would only lie about.
const BUFFERED_BYTES = 128 * 1024;

/**
 * Encrypts the one content that its key is for, by STREAM over AES-256-GCM. It holds one segment at most, since which one
 * is the last is known only at the end.
 */
export class Encryptor extends Transform {
  readonly #key: KeyObject;
  #position = 0;
  #held: Buffer[] = [];
  #bytes = 0;

  constructor(key: KeyObject) {
    super({ highWaterMark: BUFFERED_BYTES });
    this.#key = key;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    let rest = chunk;
    // A segment that is just full may be the last one.
    while (this.#bytes + rest.length > SEGMENT_BYTES) {
      const missing = SEGMENT_BYTES - this.#bytes;
      this.#hold(rest.subarray(0, missing));
      rest = rest.subarray(missing);
      this.#seal(false);
    }
    this.#hold(rest);
    callback();
  }

  override _flush(callback: TransformCallback): void {
    this.#seal(true);
    callback();
  }

  #hold(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#held.push(bytes);
    this.#bytes += bytes.length;
  }

  #seal(isLast: boolean): void {
    const cipher = sealing(this.#key, this.#position, isLast);
    for (const bytes of this.#held) this.push(cipher.update(bytes));
    cipher.final();
    this.push(cipher.getAuthTag());
    this.#position += 1;
    this.#held = [];
    this.#bytes = 0;
  }
}
