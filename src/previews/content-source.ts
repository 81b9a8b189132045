import type { Readable } from 'node:stream';

/** A stored content that can be read, whole or in part, as often as needed. */
export interface ContentSource {
  /** Bytes of the plain content. */
  readonly size: number;
  /** Its bytes, or those of one range, both ends inclusive; destroying the stream frees what it holds. */
  open(range?: { start: number; end: number }): Promise<Readable>;
}
