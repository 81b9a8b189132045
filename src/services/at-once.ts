/** Works on what the source yields, so many at a time, and yields the results in any order; ends the source when left early. */
export async function* atOnce<Item, Result>(
  limit: number,
  source: AsyncIterable<Item> | Iterable<Item>,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const running = new Set<Promise<{ done: () => void; result: Result }>>();
  const start = (item: Item) => {
    const one = work(item).then((result) => ({ done: () => void running.delete(one), result }));
    // Whoever leaves early because of one does not wait for the others.
    one.catch(() => undefined);
    running.add(one);
  };
  const next = async () => {
    const { done, result } = await Promise.race(running);
    done();
    return result;
  };
  for await (const item of source) {
    start(item);
    if (running.size >= limit) yield await next();
  }
  while (running.size > 0) yield await next();
}

/** Works on what the source yields, so many at a time; rejects with the signal’s reason, once what had begun is done, when that is aborted. */
export async function untilAborted<Item>(
  limit: number,
  signal: AbortSignal,
  source: AsyncIterable<Item>,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  async function* unaborted(): AsyncGenerator<Item> {
    for await (const item of source) {
      if (signal.aborted) return;
      yield item;
    }
  }
  for await (const _done of atOnce(limit, unaborted(), work));
  signal.throwIfAborted();
}
