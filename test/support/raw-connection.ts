import { connect, type Socket } from 'node:net';
import { type Failure, parsed, pause } from './client.ts';

/** A connection whose bytes the test writes itself. */
export class RawConnection {
  readonly socket: Socket;
  /** Everything the server said so far. */
  received = '';
  private closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.received += text;
    });
    // A server that ends a connection over unread bytes resets it, and that is its right.
    socket
      .on('error', () => undefined)
      .once('close', () => {
        this.closed = true;
      });
  }

  static async open(origin: string): Promise<RawConnection> {
    const { hostname, port } = new URL(origin);
    const socket = connect(Number(port), hostname);
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new RawConnection(socket);
  }

  /** Begins a request: its head, with the given headers; `line` is its method and its address. */
  begin(headers: Record<string, string>, line = 'POST /graphql'): void {
    const lines = Object.entries({ host: 'localhost', ...headers }).map(
      ([name, value]) => `${name}: ${value}`,
    );
    this.socket.write(`${line} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  }

  /** Writes one chunk of a body whose transfer is chunked. */
  chunk(bytes: Buffer): boolean {
    this.socket.write(`${bytes.length.toString(16)}\r\n`);
    this.socket.write(bytes);
    return this.socket.write('\r\n');
  }

  /** Writes until the server closes the connection, or `most` bytes are sent; resolves with how many it took. */
  async flood(chunk: Buffer, most: number): Promise<number> {
    let sent = 0;
    while (sent < most && !this.closed && this.socket.writable) {
      sent += chunk.length;
      if (!this.socket.write(chunk)) await this.drained();
    }
    return sent - this.socket.writableLength;
  }

  /** Resolves with what the server said once its answer is whole; rejects after so many milliseconds without. */
  async answer(patienceMs = 5_000): Promise<{ status: number; text: string; errors: readonly Failure[] }> {
    const end = Date.now() + patienceMs;
    for (;;) {
      const [head = '', ...rest] = this.received.split('\r\n\r\n');
      const text = rest.join('\r\n\r\n');
      const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? Number.NaN);
      if (text.length >= length) {
        return { status: Number(head.slice(9, 12)), text, errors: parsed(text).errors ?? [] };
      }
      if (this.closed || Date.now() > end) throw new Error(`No answer came, but: ${this.received}`);
      await pause(5);
    }
  }

  /** Resolves once the server has closed the connection; rejects after so many milliseconds. */
  async ended(patienceMs = 5_000): Promise<void> {
    const end = Date.now() + patienceMs;
    while (!this.closed) {
      if (Date.now() > end) throw new Error('The connection is still open.');
      await pause(5);
    }
  }

  /** Goes away without a word, as a client whose cable was pulled. */
  vanish(): void {
    this.socket.resetAndDestroy();
  }

  private drained(): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        this.socket.off('drain', go).off('close', go);
        resolve();
      };
      this.socket.once('drain', go).once('close', go);
    });
  }
}
