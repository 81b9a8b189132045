import type { DecipherGCM, KeyObject } from 'node:crypto';
import { BrokenSeal } from './broken-seal.ts';
import { opening } from './segment-cipher.ts';
import { lastSegment, plainBytesOf, type SegmentSpan, TAG_BYTES } from './segments.ts';

/**
 * Decrypts a span of one content’s segments that comes in pieces of any size. What a segment says is given out only once
 * all of it has proved to be what was encrypted, at this place of this content.
 */
export class SegmentReader {
  readonly #key: KeyObject;
  readonly #plainBytes: number;
  readonly #end: number;
  readonly #last: number;
  #position: number;
  #skip: number;
  #left: number;
  #decipher: DecipherGCM | null = null;
  #unproven: Buffer[] = [];
  #missing = 0;
  #tag: Buffer[] = [];
  #tagMissing = 0;

  /** `plainBytes` are those of the whole content, of which `span` comes. */
  constructor(key: KeyObject, plainBytes: number, span: SegmentSpan) {
    this.#key = key;
    this.#plainBytes = plainBytes;
    this.#end = lastSegment(plainBytes);
    this.#position = span.first;
    this.#last = span.last;
    this.#skip = span.skip;
    this.#left = span.take;
  }

  /** The plain bytes that these encrypted ones complete; throws a BrokenSeal at the first segment that is not right. */
  push(chunk: Buffer): Buffer[] {
    const proven: Buffer[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#position > this.#last) throw new BrokenSeal('There are bytes behind the last segment.');
      this.#decipher ??= this.#begin();
      const body = rest.subarray(0, this.#missing);
      if (body.length > 0) this.#unproven.push(this.#decipher.update(body));
      this.#missing -= body.length;
      const tag = rest.subarray(body.length, body.length + this.#tagMissing);
      if (tag.length > 0) this.#tag.push(tag);
      this.#tagMissing -= tag.length;
      rest = rest.subarray(body.length + tag.length);
      if (this.#tagMissing === 0) this.#prove(this.#decipher, proven);
    }
    return proven;
  }

  /** Throws a BrokenSeal unless everything has come. */
  end(): void {
    if (this.#position <= this.#last) throw new BrokenSeal(`Segment ${this.#position} is cut off.`);
  }

  #begin(): DecipherGCM {
    this.#missing = plainBytesOf(this.#position, this.#plainBytes);
    this.#tagMissing = TAG_BYTES;
    return opening(this.#key, this.#position, this.#position === this.#end);
  }

  #prove(decipher: DecipherGCM, proven: Buffer[]): void {
    try {
      decipher.setAuthTag(Buffer.concat(this.#tag));
      decipher.final();
    } catch (cause) {
      this.#unproven = [];
      throw new BrokenSeal(`Segment ${this.#position} is not what was encrypted.`, cause);
    }
    for (const bytes of this.#unproven) this.#give(bytes, proven);
    this.#unproven = [];
    this.#tag = [];
    this.#decipher = null;
    this.#position += 1;
  }

  #give(bytes: Buffer, proven: Buffer[]): void {
    const wanted = bytes.subarray(this.#skip, this.#skip + this.#left);
    this.#skip -= Math.min(this.#skip, bytes.length);
    this.#left -= wanted.length;
    if (wanted.length > 0) proven.push(wanted);
  }
}
