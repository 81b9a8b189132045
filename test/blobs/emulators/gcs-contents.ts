import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';

/** What Google keeps of an upload that broke off is a multiple of this. */
export const QUANTUM = 256 * 1024;

const ONE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});
/** What a byte does to the sum when one more byte of zero follows. */
const next = (value: number) => (value >>> 8) ^ (ONE[value & 255] as number);
const TWO = ONE.map(next);
const THREE = TWO.map(next);
const FOUR = THREE.map(next);

/** The CRC-32C (RFC 3720 appendix B.4) of all bytes so far, four of them at once. */
function crc32c(bytes: Buffer, before: number): number {
  let crc = ~before;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    const last = (bytes[at + 3] as number) ^ (crc >>> 24);
    crc =
      (FOUR[((bytes[at] as number) ^ crc) & 255] as number) ^
      (THREE[((bytes[at + 1] as number) ^ (crc >>> 8)) & 255] as number) ^
      (TWO[((bytes[at + 2] as number) ^ (crc >>> 16)) & 255] as number) ^
      (ONE[last] as number);
  }
  for (; at < bytes.length; at += 1) crc = (ONE[(crc ^ (bytes[at] as number)) & 255] as number) ^ (crc >>> 8);
  return ~crc;
}

/** A content as it lies on the disk; hashes in base64 as Google tells them. */
export interface Content {
  readonly path: string;
  readonly size: number;
  readonly md5: string;
  readonly crc32c: string;
}

/** A content that is being written: whole quanta are kept at once, the rest when it ends. */
export class Draft {
  readonly path: string;
  readonly #file: Promise<FileHandle>;
  readonly #md5: Hash = createHash('md5');
  #crc = 0;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  /** The bytes that are kept. */
  size = 0;

  constructor(path: string) {
    this.path = path;
    this.#file = open(path, 'wx');
    this.#file.catch(() => {});
  }

  /** All bytes that were taken, kept or not. */
  get taken(): number {
    return this.size + this.#tailBytes;
  }

  /** Takes the next bytes. */
  async take(bytes: Buffer): Promise<void> {
    this.#tail.push(bytes);
    this.#tailBytes += bytes.length;
    if (this.#tailBytes < QUANTUM) return;
    const all = Buffer.concat(this.#tail);
    const whole = all.length - (all.length % QUANTUM);
    await this.#keep(all.subarray(0, whole));
    this.#tail = [Buffer.from(all.subarray(whole))];
    this.#tailBytes = all.length - whole;
  }

  /** Forgets what is not kept yet, as when the connection broke. */
  dropTail(): void {
    this.#tail = [];
    this.#tailBytes = 0;
  }

  /** Keeps everything and closes the file. */
  async finish(): Promise<Content> {
    await this.#keep(Buffer.concat(this.#tail));
    this.dropTail();
    await (await this.#file).close();
    const crc = Buffer.alloc(4);
    crc.writeInt32BE(this.#crc);
    return {
      path: this.path,
      size: this.size,
      md5: this.#md5.digest('base64'),
      crc32c: crc.toString('base64'),
    };
  }

  /** Removes what was written; it may be finished already. */
  async discard(): Promise<void> {
    await (await this.#file).close().catch(() => {});
    await unlink(this.path).catch(() => {});
  }

  async #keep(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return;
    await (await this.#file).write(bytes);
    this.#md5.update(bytes);
    this.#crc = crc32c(bytes, this.#crc);
    this.size += bytes.length;
  }
}
