import { showBytes, showDuration } from './quantities.ts';
import type { Run } from './run.ts';

const DRAWN_EVERY_MS = 200;
const SAID_EVERY_MS = 10_000;
const SPEED_OVER_MS = 10_000;
const BAR = 24;

/**
 * Shows how far a piece of work has come: on a terminal by a line that is rewritten, elsewhere by a line every ten
 * seconds. `stop` must be called, or the process does not end.
 */
export class Progress {
  private readonly run: Pick<Run, 'isTerminal' | 'tell'>;
  private readonly total: { blobs: number; bytes: number };
  private readonly timer: NodeJS.Timeout;
  private readonly samples: { at: number; bytes: number }[] = [];
  private blobs = 0;
  private bytes = 0;

  constructor(run: Pick<Run, 'isTerminal' | 'tell'>, total: { blobs: number; bytes: number }) {
    this.run = run;
    this.total = total;
    this.samples.push({ at: performance.now(), bytes: 0 });
    this.timer = setInterval(() => this.show(), run.isTerminal ? DRAWN_EVERY_MS : SAID_EVERY_MS);
  }

  /** So many bytes more are done. */
  addBytes(bytes: number): void {
    this.bytes += bytes;
  }

  /** One blob more is done. */
  addBlob(): void {
    this.blobs += 1;
  }

  /** Writes a line about something else, above the progress. */
  tell(line: string): void {
    this.run.tell(this.run.isTerminal ? `\r\u001b[K${line}\n` : `${line}\n`);
    if (this.run.isTerminal) this.show();
  }

  /** Ends it; on a terminal the last line stays, elsewhere nothing more is written. */
  stop(): void {
    clearInterval(this.timer);
    if (!this.run.isTerminal) return;
    this.show();
    this.run.tell('\n');
  }

  private show(): void {
    const line = this.line();
    this.run.tell(this.run.isTerminal ? `\r\u001b[K${line}` : `${line}\n`);
  }

  private line(): string {
    const { blobs, bytes } = this.total;
    const share = bytes > 0 ? Math.min(1, this.bytes / bytes) : Math.min(1, this.blobs / Math.max(1, blobs));
    const speed = this.speed();
    const left = speed > 0 ? `, ${showDuration(Math.max(0, bytes - this.bytes) / speed)} left` : '';
    const bar = '#'.repeat(Math.floor(share * BAR)).padEnd(BAR, '.');
    const percent = `${Math.floor(share * 100)} %`.padStart(5);
    const amount = `${showBytes(this.bytes)} of ${showBytes(bytes)}, ${this.blobs} of ${blobs} blobs`;
    return `[${bar}] ${percent}  ${amount}, ${showBytes(Math.round(speed))}/s${left}`;
  }

  /** Bytes a second, of late. */
  private speed(): number {
    const now = performance.now();
    this.samples.push({ at: now, bytes: this.bytes });
    while (this.samples.length > 2 && (this.samples[0]?.at ?? now) < now - SPEED_OVER_MS)
      this.samples.shift();
    const first = this.samples[0] ?? { at: now, bytes: this.bytes };
    return now > first.at ? ((this.bytes - first.bytes) / (now - first.at)) * 1000 : 0;
  }
}
