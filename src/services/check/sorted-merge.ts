interface Keyed {
  readonly key: string;
}

/** What two streams say of one key. */
export interface Merged<Left, Right> {
  readonly key: string;
  readonly left: readonly Left[];
  readonly right: readonly Right[];
}

/**
 * Goes through two streams side by side, both ascending by key in the order of bytes, and yields each key of either once.
 * Memory holds what has one key. Rejects when a stream is not ascending: what it says then proves nothing.
 */
export async function* mergeSorted<Left extends Keyed, Right extends Keyed>(
  left: AsyncIterable<Left>,
  right: AsyncIterable<Right>,
): AsyncGenerator<Merged<Left, Right>> {
  const [lefts, rights] = [new Groups(left), new Groups(right)];
  try {
    let [one, other] = await Promise.all([lefts.next(), rights.next()]);
    for (;;) {
      const key = smaller(one?.key, other?.key);
      if (key === undefined) return;
      const here = one?.key === key ? one.items : [];
      const there = other?.key === key ? other.items : [];
      yield { key, left: here, right: there };
      [one, other] = await Promise.all([
        here.length > 0 ? lefts.next() : one,
        there.length > 0 ? rights.next() : other,
      ]);
    }
  } finally {
    await Promise.all([lefts.end(), rights.end()]);
  }
}

// Keys are ASCII, where the order of UTF-16 units, of UTF-8 bytes and of the database’s own comparison is the same.
function smaller(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one < other ? one : other;
}

/** A sorted stream, one key at a time. */
class Groups<Item extends Keyed> {
  readonly #items: AsyncIterator<Item>;
  #ahead: Item | undefined;

  constructor(items: AsyncIterable<Item>) {
    this.#items = items[Symbol.asyncIterator]();
  }

  async next(): Promise<{ key: string; items: Item[] } | undefined> {
    const first = this.#ahead ?? (await this.#pull());
    if (!first) return undefined;
    const items = [first];
    for (;;) {
      const item = await this.#pull();
      this.#ahead = item;
      if (!item || item.key > first.key) return { key: first.key, items };
      if (item.key < first.key) throw new Error(`A listing is not in order: ${item.key} after ${first.key}.`);
      items.push(item);
    }
  }

  async end(): Promise<void> {
    await this.#items.return?.();
  }

  async #pull(): Promise<Item | undefined> {
    const { done, value } = await this.#items.next();
    return done ? undefined : value;
  }
}
