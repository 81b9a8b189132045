import { Readable } from 'node:stream';
import { piecesOf } from '../transfer/pieces.ts';

/** What a request carries: small contents as they are, larger ones piece by piece, so that their progress can be seen. */
export function bodyOf(block: Buffer): Buffer | (() => NodeJS.ReadableStream) {
  const pieces = piecesOf(block);
  return pieces.length < 2 ? block : () => Readable.from(pieces, { objectMode: false });
}
