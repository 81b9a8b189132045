import type { Socket } from 'node:net';
import { verdictOf } from './clamd-replies.ts';
import type { ContentScan, NoVerdict, Verdict } from './scanner.ts';

/** What one stream needs of its clamd. */
export interface ClamdStreamParts {
  /** Waits for a turn; resolves with what gives it back. */
  turn(): Promise<() => void>;
  engine(): Promise<string>;
  connect(): Promise<Socket>;
  readonly limits: { readonly stallMs: number; readonly verdictMs: number };
}

const MOST_REPLY = 4096;
const END = Buffer.alloc(4);

/**
 * One content on its way through clamd: "Format is: 'zINSTREAM\0' … The format of the chunk is: '<length><data>' where
 * <length> is the size of the following data in bytes expressed as a 4 byte unsigned integer in network byte order and
 * <data> is the actual chunk. Streaming is terminated by sending a zero-length chunk." It connects for the first bytes.
 */
export class ClamdStream implements ContentScan {
  private readonly parts: ClamdStreamParts;
  private readonly verdict = Promise.withResolvers<Verdict>();
  private readonly settling: Promise<Verdict>;
  private settled: Verdict | null = null;
  private socket: Socket | null = null;
  private giveBack: () => void = () => undefined;
  private engine = '';
  private reply = '';
  private isEnded = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(parts: ClamdStreamParts) {
    this.parts = parts;
    this.settling = this.verdict.promise;
  }

  get failed(): NoVerdict | null {
    return this.settled?.kind === 'unable' ? this.settled : null;
  }

  write(chunk: Buffer): Promise<void> | undefined {
    if (this.settled || chunk.length === 0) return undefined;
    return this.socket ? this.send(this.socket, chunk) : this.open().then(() => this.sendFirst(chunk));
  }

  end(): Promise<Verdict> {
    // Of an empty stream clamd says that it is clean, whatever state it is in: so can be said without it.
    if (!this.socket && !this.settled) this.settle({ kind: 'clean', engine: null });
    if (!this.settled && !this.isEnded) {
      this.isEnded = true;
      this.wait(this.parts.limits.verdictMs, 'clamd gave no verdict in time.');
      this.socket?.write(END);
    }
    return this.settling;
  }

  destroy(): void {
    this.settle(unavailable('The scan was given up.'));
  }

  private async open(): Promise<void> {
    try {
      const giveBack = await this.parts.turn();
      if (this.settled) return giveBack();
      this.giveBack = giveBack;
      this.engine = await this.parts.engine();
      const socket = await this.parts.connect();
      if (this.settled) socket.destroy();
      else this.begin(socket);
    } catch (error) {
      this.settle(unavailable(`clamd can’t be asked: ${reasonOf(error)}`));
    }
  }

  private begin(socket: Socket): void {
    this.socket = socket;
    let failure: unknown;
    socket.setEncoding('utf8').on('data', (text: string) => this.hear(text));
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => {
      const reason = failure ? reasonOf(failure) : 'it closed the connection without a verdict';
      this.settle(unavailable(`clamd failed: ${reason}`, this.engine));
    });
    socket.write('zINSTREAM\0');
  }

  private async sendFirst(chunk: Buffer): Promise<void> {
    if (this.socket && !this.settled) await this.send(this.socket, chunk);
  }

  private send(socket: Socket, chunk: Buffer): Promise<void> | undefined {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(chunk.length);
    socket.cork();
    socket.write(length);
    const isTaken = socket.write(chunk);
    socket.uncork();
    if (isTaken || !socket.writableNeedDrain) return undefined;
    this.wait(this.parts.limits.stallMs, 'clamd took no bytes for too long.');
    return this.drained(socket);
  }

  /** Resolves once it takes bytes again, or is closed, as it is after every verdict. */
  private drained(socket: Socket): Promise<void> {
    // No race with the verdict: each wait would be held on to until there is one.
    return new Promise((resolve) => {
      const go = () => {
        socket.off('drain', go).off('close', go);
        clearTimeout(this.timer);
        resolve();
      };
      socket.once('drain', go).once('close', go);
    });
  }

  private hear(text: string): void {
    this.reply += text;
    const end = this.reply.indexOf('\0');
    if (end < 0 && this.reply.length <= MOST_REPLY) return;
    const verdict = verdictOf(this.reply.slice(0, Math.max(end, 0)), this.engine);
    // What it has not seen it can’t have found clean.
    const isHasty = !this.isEnded && verdict.kind === 'clean';
    this.settle(isHasty ? unavailable('clamd answered before the end.', this.engine) : verdict);
  }

  private wait(milliseconds: number, reason: string): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.settle(unavailable(reason, this.engine)), milliseconds);
  }

  private settle(verdict: Verdict): void {
    if (this.settled) return;
    this.settled = verdict;
    clearTimeout(this.timer);
    this.socket?.destroy();
    this.giveBack();
    this.verdict.resolve(verdict);
  }
}

function unavailable(reason: string, engine: string | null = null): NoVerdict {
  return { kind: 'unable', cause: 'unavailable', reason, engine: engine || null };
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return code ?? message ?? String(error);
}
