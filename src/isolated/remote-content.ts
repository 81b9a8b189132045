import { AppError } from '../errors.ts';
import type { RemoteContent } from './child-messages.ts';

// One request each; small reads near each other are answered from the last few.
const BLOCK_BYTES = 256 * 1024;
const BLOCKS_KEPT = 8;
// A content that sends its reader to and fro is read twice over at most, and so much.
const SPARE_BYTES = 16 * 1024 * 1024;
const MOST_READ_BYTES = 512 * 1024 * 1024;

/** A content that lies with the parent process; `fetch` asks for one range of it. */
export class FetchedContent implements RemoteContent {
  readonly size: number;
  private readonly fetch: (start: number, end: number) => Promise<Buffer>;
  private readonly blocks = new Map<number, Buffer>();
  private left: number;

  constructor(size: number, fetch: (start: number, end: number) => Promise<Buffer>) {
    this.size = size;
    this.left = Math.min(2 * size + SPARE_BYTES, MOST_READ_BYTES);
    this.fetch = fetch;
  }

  async read(start: number, end: number): Promise<Buffer> {
    const last = Math.min(end, this.size - 1);
    if (start > last) return Buffer.alloc(0);
    const first = Math.floor(start / BLOCK_BYTES);
    const parts: Buffer[] = [];
    for (let block = first; block * BLOCK_BYTES <= last; block += 1) parts.push(await this.block(block));
    const skipped = start - first * BLOCK_BYTES;
    return Buffer.concat(parts).subarray(skipped, skipped + last - start + 1);
  }

  async whole(most: number): Promise<Buffer> {
    if (this.size > most) throw new AppError('PAYLOAD_TOO_LARGE', `It has more than ${most} bytes.`);
    const bytes = Buffer.allocUnsafeSlow(this.size);
    for (let start = 0; start < this.size; start += BLOCK_BYTES) {
      (await this.range(start, Math.min(start + BLOCK_BYTES, this.size) - 1)).copy(bytes, start);
    }
    return bytes;
  }

  private async block(index: number): Promise<Buffer> {
    const known = this.blocks.get(index);
    const start = index * BLOCK_BYTES;
    const bytes = known ?? (await this.range(start, Math.min(start + BLOCK_BYTES, this.size) - 1));
    // The one used last is the last to go.
    this.blocks.delete(index);
    this.blocks.set(index, bytes);
    const [oldest] = this.blocks.keys();
    if (this.blocks.size > BLOCKS_KEPT && oldest !== undefined) this.blocks.delete(oldest);
    return bytes;
  }

  private async range(start: number, end: number): Promise<Buffer> {
    this.left -= end - start + 1;
    if (this.left < 0) throw new AppError('BAD_USER_INPUT', 'It takes too much reading.');
    return this.fetch(start, end);
  }
}
