import { Readable } from 'node:stream';
import type { ContentSource } from '../../src/previews/content-source.ts';

const PIECE = 64 * 1024;

/** A content in memory, which tells how many bytes of it were read and how many of its streams are open. */
export type CountedSource = ContentSource & { reads(): { readonly bytes: number; readonly open: number } };

/** A content that is these bytes, with so many more zeros after them. */
export function sourceOf(bytes: Buffer, zeros = 0): CountedSource {
  const size = bytes.length + zeros;
  const seen = { bytes: 0, open: 0 };
  return {
    size,
    reads: () => ({ ...seen }),
    async open({ start, end } = { start: 0, end: size - 1 }) {
      seen.open += 1;
      let position = start;
      return new Readable({
        read() {
          const next = Math.min(position + PIECE, end + 1);
          const piece = Buffer.alloc(next - position);
          if (position < bytes.length) bytes.copy(piece, 0, position, next);
          position = next;
          seen.bytes += piece.length;
          this.push(piece.length > 0 ? piece : null);
        },
        destroy(error, done) {
          seen.open -= 1;
          done(error);
        },
      });
    },
  };
}
