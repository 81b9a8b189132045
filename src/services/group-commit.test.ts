import { describe, expect, it } from 'vitest';
import { GroupCommit } from './group-commit.ts';

describe('writes in groups', () => {
  it('make a lone write at once, and gather the others while it is under way', async () => {
    const groups: number[][] = [];
    const gates: (() => void)[] = [];
    const commit = new GroupCommit<number, number>(async (items) => {
      groups.push(items);
      await new Promise<void>((open) => gates.push(open));
      return items.map((item) => item * 2);
    });
    const first = commit.add(1);
    const others = [commit.add(2), commit.add(3)];
    expect(groups).toEqual([[1]]);
    gates[0]?.();
    expect(await first).toBe(2);
    await expect.poll(() => groups).toEqual([[1], [2, 3]]);
    gates[1]?.();
    expect(await Promise.all(others)).toEqual([4, 6]);
  });

  it('fail for those whose own write failed, and for all when the command did', async () => {
    const commit = new GroupCommit<string, string>(async (items) => {
      if (items.includes('broken')) throw new Error('the command failed');
      return items.map((item) => (item === 'bad' ? new Error('this one failed') : item));
    });
    const first = commit.add('good');
    const second = commit.add('bad');
    const third = commit.add('good');
    expect(await first).toBe('good');
    await expect(second).rejects.toThrow('this one failed');
    expect(await third).toBe('good');
    const doomed = [commit.add('x'), commit.add('broken'), commit.add('y')];
    expect(await Promise.allSettled(doomed)).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected' },
      { status: 'rejected' },
    ]);
    expect(await commit.add('again')).toBe('again');
  });

  it('never make a group of more than a hundred', async () => {
    const sizes: number[] = [];
    const commit = new GroupCommit<number, number>(async (items) => {
      sizes.push(items.length);
      return items;
    });
    await Promise.all(Array.from({ length: 250 }, (_, i) => commit.add(i)));
    expect(Math.max(...sizes)).toBe(100);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(250);
  });
});
