import { describe, expect, it } from 'vitest';
import type { Counts } from './counts.ts';
import { memoryCounts } from './library-counts.ts';
import { SharedLimit } from './shared-limit.ts';

const WITHIN = 60;

/** Counts that say how often they were asked to add. */
function counted(): Counts & { adds: number } {
  const counts = memoryCounts('test', WITHIN);
  const watched = {
    adds: 0,
    add(key: string, points: number) {
      watched.adds += 1;
      return counts.add(key, points);
    },
    look: (key: string) => counts.look(key),
    clear: (key: string) => counts.clear(key),
  };
  return watched;
}

const limit = (points: number, counts: Counts, now?: () => number) =>
  new SharedLimit({ points, within: WITHIN }, counts, now);

async function granted(of: SharedLimit, key: string, tries: number): Promise<number> {
  const standings = await Promise.all(Array.from({ length: tries }, () => of.spend(key, 1)));
  return standings.filter((standing) => standing.granted).length;
}

describe('a small limit', () => {
  it('grants exactly its points to spenders on two nodes at once', async () => {
    const counts = counted();
    const [one, other] = [limit(5, counts), limit(5, counts)];
    const sums = await Promise.all([granted(one, 'a', 50), granted(other, 'a', 50)]);
    expect(sums[0] + sums[1]).toBe(5);
    expect(await granted(one, 'b', 9)).toBe(5);
  });

  it('says how many are left, and when all are there again', async () => {
    const of = limit(5, counted());
    expect(await of.spend('a', 2)).toMatchObject({ granted: true, remaining: 3 });
    const refused = await of.spend('a', 4);
    expect(refused.granted).toBe(false);
    expect(refused.msLeft).toBeGreaterThan((WITHIN - 2) * 1000);
  });

  it('spends nothing where it refuses', async () => {
    const of = limit(5, counted());
    await of.spend('a', 3);
    expect((await of.spend('a', 3)).granted).toBe(false);
    expect((await of.spend('a', 2)).granted).toBe(true);
  });

  it('asks the shared count once a second at most while there is nothing left', async () => {
    const counts = counted();
    let now = 0;
    const of = limit(5, counts, () => now);
    await granted(of, 'a', 6);
    const before = counts.adds;
    expect(await granted(of, 'a', 1_000)).toBe(0);
    expect(counts.adds).toBe(before);
    now += 1_001;
    await of.spend('a', 1);
    expect(counts.adds).toBeGreaterThan(before);
  });

  it('grants again what is given back, and everything once all is forgotten', async () => {
    const of = limit(5, counted());
    await granted(of, 'a', 6);
    await of.giveBack('a', 1);
    expect(await granted(of, 'a', 3)).toBe(1);
    await of.forget('a');
    expect(await granted(of, 'a', 9)).toBe(5);
  });

  it('grants again once its time is over', async () => {
    let now = 0;
    const counts = counted();
    const of = limit(5, counts, () => now);
    await granted(of, 'a', 6);
    await counts.clear('a');
    now += WITHIN * 1000 + 1;
    expect(await granted(of, 'a', 9)).toBe(5);
  });

  it('counts beyond its points what is only tallied', async () => {
    const of = limit(2, counted());
    const beyond = [];
    for (let i = 0; i < 4; i += 1) beyond.push((await of.tally('a')).beyond);
    expect(beyond).toEqual([0, 0, 1, 2]);
  });
});

describe('a large limit', () => {
  it('asks the shared count once for 50 spenders, and never grants more than its points', async () => {
    const counts = counted();
    const of = limit(5_000, counts);
    expect(await granted(of, 'a', 50)).toBe(50);
    expect(counts.adds).toBe(1);
    expect(await granted(of, 'a', 6_000)).toBe(4_950);
  });

  it('leaves at most a block of its points unspent on another node', async () => {
    const counts = counted();
    const [one, other] = [limit(1_000, counts), limit(1_000, counts)];
    await other.spend('a', 1);
    const rest = await granted(one, 'a', 2_000);
    expect(rest).toBeLessThanOrEqual(999);
    expect(rest).toBeGreaterThanOrEqual(990);
  });
});
