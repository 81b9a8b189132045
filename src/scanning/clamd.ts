import { connect, type Socket } from 'node:net';
import { engineOf } from './clamd-replies.ts';
import { ClamdStream } from './clamd-stream.ts';
import type { ContentScan, Scanner } from './scanner.ts';
import { Turns } from './turns.ts';

/** Where a clamd listens. */
export type ClamdAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** How long each thing may take, in milliseconds, and how many contents are scanned at once. */
export interface ClamdLimits {
  readonly connectMs: number;
  /** For the answer to a question. */
  readonly answerMs: number;
  /** For clamd to take bytes. */
  readonly stallMs: number;
  /** For the verdict once all bytes are there. */
  readonly verdictMs: number;
  /** For a turn, while the most contents are being scanned. */
  readonly turnMs: number;
  readonly atOnce: number;
  /** How long an answer to VERSION is taken for true. */
  readonly versionMs: number;
}

const LIMITS: ClamdLimits = {
  connectMs: 5_000,
  answerMs: 10_000,
  stallMs: 60_000,
  // More than clamd’s own MaxScanTime, and time to wait for one of its threads.
  verdictMs: 300_000,
  turnMs: 60_000,
  // clamd takes streams in beside its threads, but scans no more at once than it has of them.
  atOnce: 64,
  versionMs: 10_000,
};

const MOST_ANSWER = 64 * 1024;

/** Scans by a clamd, over TCP or a unix socket: https://docs.clamav.net/manual/Usage/ClamdProtocol.html. */
export class ClamdScanner implements Scanner {
  private readonly address: ClamdAddress;
  private readonly limits: ClamdLimits;
  private readonly turns: Turns;
  private version: { readonly asked: number; readonly engine: Promise<string> } | null = null;

  constructor(address: ClamdAddress, limits: Partial<ClamdLimits> = {}) {
    this.address = address;
    this.limits = { ...LIMITS, ...limits };
    this.turns = new Turns(this.limits.atOnce, this.limits.turnMs);
  }

  scan(owner: string): ContentScan {
    return new ClamdStream({
      turn: () => this.turns.take(owner),
      // Asked before the content: what it is scanned with may only be newer than what is noted.
      engine: () => this.engine(),
      connect: () => this.connect(),
      limits: this.limits,
    });
  }

  engine(): Promise<string> {
    const now = performance.now();
    if (this.version && now - this.version.asked < this.limits.versionMs) return this.version.engine;
    const engine = this.ask('VERSION').then(engineOf);
    const version = { asked: now, engine };
    this.version = version;
    engine.catch(() => {
      if (this.version === version) this.version = null;
    });
    return engine;
  }

  async check(): Promise<void> {
    const answer = await this.ask('PING');
    if (answer !== 'PONG') throw new Error(`clamd answered: ${answer.slice(0, 200)}`);
  }

  private connect(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ ...this.address, noDelay: true } as never);
      const timer = setTimeout(
        () => socket.destroy(new Error('clamd took no connection in time.')),
        this.limits.connectMs,
      );
      socket.once('error', reject);
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.off('error', reject);
        resolve(socket);
      });
      socket.once('close', () => clearTimeout(timer));
    });
  }

  /** Asks one question on a connection of its own. */
  private async ask(question: string): Promise<string> {
    const socket = await this.connect();
    return new Promise((resolve, reject) => {
      let answer = '';
      const timer = setTimeout(
        () => socket.destroy(new Error('clamd did not answer in time.')),
        this.limits.answerMs,
      );
      socket.setEncoding('utf8').on('data', (text: string) => {
        answer += text;
        if (answer.includes('\0') || answer.length > MOST_ANSWER) socket.destroy();
      });
      socket.once('error', reject);
      socket.once('close', () => {
        clearTimeout(timer);
        if (answer.includes('\0')) resolve(answer.slice(0, answer.indexOf('\0')));
        else reject(new Error('clamd closed the connection without an answer.'));
      });
      // "It's recommended to prefix clamd commands with the letter z … to indicate that the command will be
      // delimited by a NULL character and that clamd should continue reading command data until a NULL character".
      socket.write(`z${question}\0`);
    });
  }
}
