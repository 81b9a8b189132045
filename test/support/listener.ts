import type { Client } from 'graphql-ws';
import type { Failure } from './client.ts';

/** What one subscription was told, as it comes. */
export class Listener<T> {
  readonly told: T[] = [];
  /** Resolves with the errors that ended it; with none when it completed, or its socket closed. */
  readonly ended: Promise<readonly Failure[]>;
  /** Ends it. */
  readonly stop: () => void;
  private wake = () => {};

  /** Subscribes to the only field of the document. */
  constructor(client: Client, query: string, variables: Record<string, unknown> = {}) {
    let stop = () => {};
    this.ended = new Promise((resolve) => {
      stop = client.subscribe<Record<string, T>>(
        { query, variables },
        {
          next: ({ data, errors }) => {
            const [value] = Object.values(data ?? {});
            if (errors || value === undefined) resolve((errors ?? []) as never);
            else this.told.push(value);
            this.wake();
          },
          error: (error) => resolve((Array.isArray(error) ? error : []) as never),
          complete: () => resolve([]),
        },
      );
    });
    void this.ended.then(() => this.wake());
    this.stop = stop;
  }

  /** The first that is so, told already or yet to be; rejects when it ends without one, or after 10 seconds. */
  async first(isSo: (value: T) => boolean): Promise<T> {
    let isOver = false;
    const over = () => {
      isOver = true;
      this.wake();
    };
    const timer = setTimeout(over, 10_000);
    void this.ended.then(over);
    try {
      for (;;) {
        const found = this.told.find(isSo);
        if (found !== undefined) return found;
        if (isOver) throw new Error(`It was told ${JSON.stringify(this.told)} and no more.`);
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }
}
