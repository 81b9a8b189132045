import type { Readable } from 'node:stream';
import type { ContentSource } from '../previews/content-source.ts';

/** Reads a content piece by piece; pieces in their order come from one stream. */
export class ContentReader {
  private readonly source: ContentSource;
  private stream: Readable | null = null;
  private pieces: AsyncIterator<Buffer> | null = null;
  private position = 0;
  private rest: Buffer = Buffer.alloc(0);

  constructor(source: ContentSource) {
    this.source = source;
  }

  /** The bytes of a range, both ends inclusive and within the content; rejects where the content ends before. */
  async read(start: number, end: number): Promise<Buffer> {
    if (start < 0 || end < start || end >= this.source.size) throw new RangeError('beyond the content');
    if (!this.pieces || start !== this.position) await this.open(start);
    const wanted = end - start + 1;
    const parts: Buffer[] = [];
    for (let has = 0; has < wanted; ) {
      const piece = this.rest.length > 0 ? this.rest : await this.next();
      const part = piece.subarray(0, wanted - has);
      this.rest = piece.subarray(part.length);
      parts.push(part);
      has += part.length;
    }
    this.position = end + 1;
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
  }

  /** Gives back what it holds; it can be called at any time. */
  close(): void {
    // What it may still have to say about its end concerns nobody any more.
    this.stream?.on('error', () => undefined).destroy();
    this.stream = null;
    this.pieces = null;
    this.rest = Buffer.alloc(0);
  }

  private async open(start: number): Promise<void> {
    this.close();
    this.stream = await this.source.open({ start, end: this.source.size - 1 });
    this.pieces = this.stream.iterator({ destroyOnReturn: true });
    this.position = start;
  }

  private async next(): Promise<Buffer> {
    const { done, value } = (await this.pieces?.next()) ?? { done: true, value: undefined };
    if (done) throw new Error('The content ended early');
    return value;
  }
}
