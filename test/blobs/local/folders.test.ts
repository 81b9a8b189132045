import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FanOut } from '../../../src/blobs/local/folders.ts';

describe('the folders of the local store', () => {
  let root: string;
  let folder: string;
  let folders: FanOut;
  let syncs: { finish: () => void; fail: (error: Error) => void }[];

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'folders-'));
    folders = new FanOut(root);
    folder = folders.folderOf('0123456789abcdef0123456789abcdef');
    await folders.make(folder);
    await folders.persist(folder);
    syncs = [];
    const handle = await open(root);
    vi.spyOn(Object.getPrototypeOf(handle), 'sync').mockImplementation(
      () => new Promise<void>((finish, fail) => syncs.push({ finish, fail })),
    );
    await handle.close();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await rm(root, { recursive: true });
  });

  it('never count a sync for an entry that was made after the sync began', async () => {
    const first = folders.persist(folder);
    await expect.poll(() => syncs.length).toBe(1);
    let done = 0;
    const later = [folders.persist(folder), folders.persist(folder)];
    for (const each of later) each.then(() => (done += 1));
    syncs[0]?.finish();
    await first;
    // Everybody who asked meanwhile shares the next one.
    await expect.poll(() => syncs.length).toBe(2);
    expect(done).toBe(0);
    syncs[1]?.finish();
    await Promise.all(later);
    expect(syncs).toHaveLength(2);
  });

  it('fail for those whom a failed sync served, and try again for the next', async () => {
    const first = folders.persist(folder);
    await expect.poll(() => syncs.length).toBe(1);
    const second = folders.persist(folder);
    syncs[0]?.fail(new Error('EIO'));
    await expect(first).rejects.toThrow('EIO');
    await expect.poll(() => syncs.length).toBe(2);
    syncs[1]?.finish();
    await second;
  });

  it('sync the folder above once, when they are new', async () => {
    const fresh = folders.folderOf('ff23456789abcdef0123456789abcdef');
    await folders.make(fresh);
    const first = folders.persist(fresh);
    await expect.poll(() => syncs.length).toBe(2);
    for (const each of syncs) each.finish();
    await first;
    const second = folders.persist(fresh);
    await expect.poll(() => syncs.length).toBe(3);
    syncs[2]?.finish();
    await second;
  });
});
