import { Readable } from 'node:stream';

/**
 * A part’s bytes as its reader may treat them: a reader that gives up (`destroy`) must not stall the parser, so the
 * rest of the part then runs to waste while the parts after it still arrive.
 */
export class PartStream extends Readable {
  private readonly part: Readable;

  constructor(part: Readable) {
    super({ highWaterMark: 1024 * 1024 });
    this.part = part;
    part.on('data', this.onData);
    part.once('end', () => this.push(null));
    part.once('error', (error) => this.destroy(error));
  }

  override _read(): void {
    this.part.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.part.off('data', this.onData);
    discard(this.part);
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
