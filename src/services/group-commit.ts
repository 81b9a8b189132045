interface Waiting<Item, Result> {
  readonly item: Item;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

const MOST_AT_ONCE = 100;

/**
 * Writes that many callers ask for at about the same time, made in one command. While one group is under way the next
 * gathers, so a lone caller waits for nobody and a crowd shares the cost of a journaled write.
 */
export class GroupCommit<Item, Result> {
  private readonly commit: (items: Item[]) => Promise<readonly (Result | Error)[]>;
  private waiting: Waiting<Item, Result>[] = [];
  private busy = false;

  /** `commit` answers one result or error for each item, in their order; a rejection is everybody’s. */
  constructor(commit: (items: Item[]) => Promise<readonly (Result | Error)[]>) {
    this.commit = commit;
  }

  /** Resolves with the item’s result once its group is written. */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      if (!this.busy) this.run();
    });
  }

  private async run(): Promise<void> {
    this.busy = true;
    while (this.waiting.length > 0) await this.write(this.waiting.splice(0, MOST_AT_ONCE));
    this.busy = false;
  }

  private async write(group: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.commit(group.map(({ item }) => item));
      group.forEach(({ resolve, reject }, i) => {
        const result = results[i] as Result | Error;
        if (result instanceof Error) reject(result);
        else resolve(result);
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
}
