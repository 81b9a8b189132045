import type { WebSocket } from 'ws';

const PIECE_BYTES = 16 * 1024;
// Of a client that is sent more than it has read, as much must get through in a second.
const SLOWEST_BYTES_PER_MS = 1;

/** Sends texts over a socket in pieces, and sees how fast the other side reads them. */
export class PacedSender {
  private readonly ws: WebSocket;
  private readonly bufferedBytes: number;
  private sent = Promise.resolve();
  private waiting = 0;
  private flushed = 0;
  private lastSeen = { flushed: 0, waiting: 0 };

  /** The next text cuts the socket while more than so many bytes wait for it. */
  constructor(ws: WebSocket, bufferedBytes: number) {
    this.ws = ws;
    this.bufferedBytes = bufferedBytes;
  }

  /** Resolves once the text has left for the other side, or never will. */
  send(text: string): Promise<void> {
    // Whoever does not read would not read a farewell either.
    if (this.waiting > this.bufferedBytes) this.ws.terminate();
    const bytes = Buffer.from(text);
    this.waiting += bytes.length;
    this.sent = this.sent.then(() => this.sendInPieces(bytes));
    return this.sent;
  }

  /** Looks at how much has been read by now, for `readsOn` to compare with. */
  look(): void {
    this.lastSeen = { flushed: this.flushed, waiting: this.waiting };
  }

  /** Whether the client, which had more to read than it can at once, has read a good part of it in these milliseconds. */
  readsOn(milliseconds: number): boolean {
    const { flushed, waiting } = this.lastSeen;
    const least = Math.min(waiting, milliseconds * SLOWEST_BYTES_PER_MS);
    return waiting > 0 && this.flushed - flushed >= least;
  }

  // A ping gets through between two pieces, and what a slow client has read so far can be seen.
  private async sendInPieces(bytes: Buffer): Promise<void> {
    for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
      const piece = bytes.subarray(start, start + PIECE_BYTES);
      const fin = start + PIECE_BYTES >= bytes.length;
      // A socket that breaks meanwhile tells so itself.
      await new Promise<void>((resolve) => this.ws.send(piece, { binary: false, fin }, () => resolve()));
      this.waiting -= piece.length;
      this.flushed += piece.length;
    }
  }
}
