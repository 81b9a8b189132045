import { Readable } from 'node:stream';

/**
 * A part’s bytes as its reader may treat them. When the reader gives up (`destroy`), `abandon` gets the part: it must
 * run to waste where the parser has to go on to later parts, and is better left unread where it has not.
 */
export class PartStream extends Readable {
  private readonly part: Readable;
  private readonly abandon: (part: Readable) => void;

  constructor(part: Readable, abandon: (part: Readable) => void = discard) {
    super({ highWaterMark: 128 * 1024 });
    this.part = part;
    this.abandon = abandon;
    part.on('data', this.onData);
    part.once('end', () => this.push(null));
    part.on('error', (error) => this.destroy(error));
    // It may fail before its reader listens, who then still learns of it; without a listener the process would end.
    this.on('error', () => undefined);
  }

  override _read(): void {
    this.part.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.part.off('data', this.onData).pause();
    this.abandon(this.part);
    callback(error);
  }

  private readonly onData = (chunk: Buffer) => {
    if (!this.push(chunk)) this.part.pause();
  };
}

/** Lets a part that nobody reads run to waste. */
export function discard(part: Readable): void {
  part.on('error', () => undefined);
  part.resume();
}
