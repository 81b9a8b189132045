import type { Readable } from 'node:stream';
import { AppError } from '../../errors.ts';
import type { IncomingContent, IncomingFile } from '../../services/uploads/uploads.ts';
import { discard, PartStream } from './part-stream.ts';
import { SpillBudget, SpillFile } from './spill-file.ts';

/** What a part’s headers say. */
export interface PartHead {
  readonly filename: string;
  readonly mimeType: string;
}

interface Part {
  readonly name: string;
  /** In how many places of the variables the map puts it. */
  readonly uses: number;
  opened: number;
  state: 'expected' | 'waiting' | 'taken' | 'spilled';
  head: PartHead;
  stream: Readable | null;
  spill: Promise<SpillFile> | null;
  readonly wanted: ((content: IncomingContent | Error) => void)[];
}

/** Where parts that must wait are written, and how many bytes of them a request may make wait. */
export interface SpillSettings {
  readonly directory: string;
  readonly maxBytes: number;
}

/**
 * Brings the parts of one request, which arrive in the client’s order, to the resolvers that want them, in theirs.
 * A part that is wanted streams straight to its reader. Only when a later part is wanted while an earlier one waits,
 * or when several places use one part, is that part spilled to disk: so nothing deadlocks and nothing fills memory.
 */
export class IncomingParts {
  private readonly parts: Map<string, Part>;
  private readonly settings: SpillSettings;
  private readonly budget: SpillBudget;
  private readonly live = new Set<PartStream>();
  private readonly abandoned: Readable[] = [];
  private over = false;
  private failure: Error | null = null;

  /** `uses` tells for each part of the map in how many places it is used. */
  constructor(uses: ReadonlyMap<string, number>, settings: SpillSettings) {
    this.settings = settings;
    this.budget = new SpillBudget(settings.maxBytes);
    this.parts = new Map(
      [...uses].map(([name, count]) => [
        name,
        {
          name,
          uses: count,
          opened: 0,
          state: 'expected',
          head: { filename: '', mimeType: '' },
          stream: null,
          spill: null,
          wanted: [],
        },
      ]),
    );
  }

  /** What the resolver of an `Upload` gets; reading it twice needs two places in the map. */
  incoming(name: string): IncomingFile {
    return { open: () => this.open(name) };
  }

  /** A part has begun. One that the map does not name, or a second one of a name, is let run to waste. */
  arrived(name: string, head: PartHead, stream: Readable): void {
    const part = this.parts.get(name);
    if (part?.state !== 'expected' || this.over) {
      discard(stream);
      return;
    }
    // A body cut within a part fails the part too, which may still wait for its reader: `end` tells that one.
    stream.on('error', () => undefined);
    Object.assign(part, { head, stream, state: 'waiting' });
    if (part.uses > 1) this.spill(part);
    else if (part.wanted.length > 0) this.deliver(part);
    else if (this.laterPartIsWanted()) this.spill(part);
  }

  /** The body has ended, well or with an error: what is still awaited will never come. */
  end(error: Error | null): void {
    if (this.over) return;
    this.over = true;
    this.failure = error;
    for (const part of this.parts.values()) {
      if (part.state === 'expected' || error) {
        while (part.wanted.length > 0) this.answer(part, error ?? missing(part));
      }
    }
    if (error) for (const stream of this.live) stream.destroy(error);
  }

  /** The operation is over: parts that nobody read run to waste, spilled ones are given back. */
  async close(): Promise<void> {
    this.over = true;
    for (const part of this.parts.values()) if (part.state === 'waiting' && part.stream) discard(part.stream);
    for (const stream of this.live) stream.destroy();
    for (const part of this.abandoned) discard(part);
    const spills = [...this.parts.values()].map((part) => part.spill?.then((file) => file.close()));
    await Promise.allSettled(spills);
  }

  private open(name: string): Promise<IncomingContent> {
    const part = this.parts.get(name);
    if (!part) throw new AppError('BAD_USER_INPUT', `The request’s map has no part named "${name}".`);
    if (++part.opened > part.uses) {
      throw new AppError(
        'BAD_USER_INPUT',
        'This file was read before: give each use a variable path of its own in `map`.',
      );
    }
    return new Promise((resolve, reject) => {
      part.wanted.push((content) => (content instanceof Error ? reject(content) : resolve(content)));
      if (this.failure) this.answer(part, this.failure);
      else if (part.state === 'waiting') this.deliver(part);
      else if (part.state === 'spilled') this.deliverSpilled(part);
      else if (this.over) this.answer(part, missing(part));
      else this.spillWaiting();
    });
  }

  private laterPartIsWanted(): boolean {
    return [...this.parts.values()].some((part) => part.state === 'expected' && part.wanted.length > 0);
  }

  private spillWaiting(): void {
    for (const part of this.parts.values()) if (part.state === 'waiting') this.spill(part);
  }

  private deliver(part: Part): void {
    if (!part.stream) return;
    part.state = 'taken';
    this.answer(part, { ...part.head, stream: this.track(part.stream) });
  }

  private spill(part: Part): void {
    if (!part.stream) return;
    part.state = 'spilled';
    part.spill = SpillFile.of(this.track(part.stream), this.settings.directory, this.budget);
    this.deliverSpilled(part);
  }

  private deliverSpilled(part: Part): void {
    part.spill?.then(
      (file) => {
        while (part.wanted.length > 0) this.answer(part, { ...part.head, stream: file.read() });
      },
      (error) => {
        while (part.wanted.length > 0) this.answer(part, error);
      },
    );
  }

  private answer(part: Part, content: IncomingContent | Error): void {
    part.wanted.shift()?.(content);
  }

  private track(part: Readable): PartStream {
    const stream = new PartStream(part, this.abandon);
    this.live.add(stream);
    stream.once('close', () => this.live.delete(stream));
    return stream;
  }

  /** While no other part is to come, the rest of one that nobody wants any more need not be read. */
  private readonly abandon = (part: Readable): void => {
    const more = [...this.parts.values()].some(({ state }) => state === 'expected');
    if (more || this.over) discard(part);
    else this.abandoned.push(part);
  };
}

const missing = (part: Part) =>
  new AppError('BAD_USER_INPUT', `The request has no part named "${part.name}".`);
