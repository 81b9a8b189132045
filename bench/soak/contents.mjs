import { createHash, randomBytes } from 'node:crypto';

const BLOCK = 64 * 1024;
const STAMP = 16;
const BASE = randomBytes(BLOCK);

/**
 * A content that can be made again, whole or in ranges, without keeping it: each block of 64 KiB begins with the
 * content's own number and the block's position, so no two blocks of a run are equal.
 * @param {number} size
 */
export function newContent(size) {
  const seed = randomBytes(8);
  return { size, seed, sha256: sha256Of({ size, seed }, 0, size - 1) };
}

/** The bytes from `start` to `end`, both included, in pieces of at most one block. */
export function* bytesOf({ size, seed }, start = 0, end = size - 1) {
  for (let at = start; at <= end; ) {
    const index = Math.floor(at / BLOCK);
    const block = Buffer.from(BASE);
    seed.copy(block);
    block.writeBigUInt64BE(BigInt(index), STAMP - 8);
    const from = at - index * BLOCK;
    const to = Math.min(BLOCK, end + 1 - index * BLOCK);
    yield block.subarray(from, to);
    at += to - from;
  }
}

/** Hex SHA-256 of a range. */
export function sha256Of(content, start, end) {
  const hash = createHash('sha256');
  for (const piece of bytesOf(content, start, end)) hash.update(piece);
  return hash.digest('hex');
}
