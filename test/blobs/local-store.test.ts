import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BlobStore, newBlobKey } from '../../src/blobs/blob-store.ts';
import { open } from '../../src/blobs/local-store.ts';
import { openStore } from '../../src/blobs/providers.ts';
import { conformance } from './conformance.ts';
import { read, sourceOf, stalledAfter } from './sources.ts';

const MiB = 1024 * 1024;
const WRITER = new URL('local/writer-child.ts', import.meta.url).pathname;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blobs-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

conformance('the local disk', () => openStore('local', { UPLOAD_PATH: join(folder, 'conformance') }));

describe('the local store', () => {
  let root: string;
  let store: BlobStore;
  beforeAll(async () => {
    root = join(folder, 'deep', 'er', 'own');
    store = await open({ UPLOAD_PATH: root });
  });
  const temps = () => readdir(join(root, 'tmp'));

  it('tells its absolute root, however it was named', async () => {
    const relative = await open({ UPLOAD_PATH: join(folder, 'x', '..', 'named') });
    expect(relative.location).toBe(join(folder, 'named'));
  });

  it('keeps files and folders from other users of the machine', async () => {
    const key = newBlobKey();
    await store.put(key, sourceOf(10));
    const folder = join(root, key.slice(0, 2));
    for (const each of [root, join(root, 'tmp'), folder]) expect((await stat(each)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, key))).mode & 0o777).toBe(0o600);
  });

  it('leaves no temporary file behind, neither on success nor on failure', async () => {
    const key = newBlobKey();
    await store.put(key, sourceOf(3 * MiB));
    await expect(store.put(key, sourceOf(3 * MiB))).rejects.toMatchObject({ code: 'CONFLICT' });
    const source = stalledAfter(3 * MiB);
    const putting = store.put(newBlobKey(), source);
    await expect.poll(temps).toHaveLength(1);
    source.destroy(new Error('gone'));
    await expect(putting).rejects.toThrow('gone');
    await store.check();
    expect(await temps()).toEqual([]);
  });

  it('makes a fan-out folder again that somebody removed', async () => {
    const first = newBlobKey();
    const second = first.slice(0, 4) + newBlobKey().slice(4);
    await store.put(first, sourceOf(1));
    await rm(join(root, first.slice(0, 2)), { recursive: true });
    expect(await store.put(second, sourceOf(2))).toBe(2);
    expect((await store.stat(second)).size).toBe(2);
  });

  it('fails a read whose file was cut meanwhile, instead of ending early', async () => {
    const key = newBlobKey();
    await store.put(key, sourceOf(4 * MiB));
    const { stream } = await store.open(key);
    await writeFile(join(root, key.slice(0, 2), key), 'short');
    await expect(read(stream)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });

  it('sweeps old temporary files, spares young ones and never counts a blob', async () => {
    const old = join(root, 'tmp', `${newBlobKey()}.00`);
    const young = join(root, 'tmp', `${newBlobKey()}.01`);
    await Promise.all([writeFile(old, 'old'), writeFile(young, 'young')]);
    await utimes(old, new Date(0), new Date(0));
    expect(await store.sweepUnfinished(new Date(Date.now() - 60_000))).toBe(1);
    expect(await temps()).toHaveLength(1);
    await rm(young);
  });

  it('does not call a blob absent, or deleted, when its whole folder is lost', async () => {
    const lost = await open({ UPLOAD_PATH: join(folder, 'lost') });
    const key = newBlobKey();
    await lost.put(key, sourceOf(10));
    await rename(join(folder, 'lost'), join(folder, 'elsewhere'));
    const refusal = { code: 'STORAGE_UNAVAILABLE', cause: expect.objectContaining({ code: 'ENOENT' }) };
    await expect(lost.open(key)).rejects.toMatchObject(refusal);
    await expect(lost.stat(key)).rejects.toMatchObject(refusal);
    await expect(lost.delete(key)).rejects.toMatchObject(refusal);
    await expect(lost.check()).rejects.toMatchObject(refusal);
    await expect(lost.sweepUnfinished(new Date())).rejects.toMatchObject(refusal);
    await expect(Array.fromAsync(lost.list())).rejects.toMatchObject(refusal);
    await expect(lost.put(newBlobKey(), sourceOf(10))).rejects.toMatchObject(refusal);
  });

  it('does not open where its folder cannot be made', async () => {
    await writeFile(join(folder, 'a-file'), '');
    await expect(open({ UPLOAD_PATH: join(folder, 'a-file', 'blobs') })).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      cause: expect.objectContaining({ code: 'ENOTDIR' }),
    });
  });
});

describe('a writer in a process of its own', () => {
  const start = (root: string, what: 'put' | 'stall', limit = '', uid?: number) =>
    spawn('/bin/sh', ['-c', `${limit} exec "$0" "$@"`, process.execPath, WRITER, root, what], {
      stdio: ['ignore', 'pipe', 'inherit'],
      ...(uid === undefined ? {} : { uid }),
    });
  const answerOf = async (child: ReturnType<typeof start>) =>
    JSON.parse((await read(child.stdout ?? sourceOf(0))).toString());

  it('that may write no more rejects with STORAGE_UNAVAILABLE and leaves nothing', async () => {
    const root = join(folder, 'limited');
    // Blocks of 512 or 1,024 bytes, as the shell has it: 2 or 4 of the 20 MiB.
    const answer = await answerOf(start(root, 'put', 'ulimit -f 4096;'));
    expect(answer).toEqual({ code: 'STORAGE_UNAVAILABLE', cause: 'EFBIG' });
    expect(await readdir(join(root, 'tmp'))).toEqual([]);
    expect(await Array.fromAsync((await open({ UPLOAD_PATH: root })).list())).toEqual([]);
  });

  it('that may not write in the folder rejects with STORAGE_UNAVAILABLE', async () => {
    const root = join(folder, 'foreign');
    await open({ UPLOAD_PATH: root });
    for (const each of [folder, root, join(root, 'tmp')]) await chmod(each, 0o555);
    // No mode keeps the superuser out, so the writer is somebody else there.
    const answer = await answerOf(start(root, 'put', '', process.getuid?.() === 0 ? 65_534 : undefined));
    for (const each of [folder, root, join(root, 'tmp')]) await chmod(each, 0o700);
    expect(answer).toEqual({ code: 'STORAGE_UNAVAILABLE', cause: 'EACCES' });
  });

  it('that is killed midway leaves one temporary file and no blob, and the sweep removes it', async () => {
    const root = join(folder, 'killed');
    const child = start(root, 'stall');
    const store = await open({ UPLOAD_PATH: root });
    const written = async () => {
      const [name] = await readdir(join(root, 'tmp'));
      return name ? (await stat(join(root, 'tmp', name))).size : 0;
    };
    await expect.poll(written, { timeout: 20_000 }).toBeGreaterThan(10 * MiB);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await Array.fromAsync(store.list())).toEqual([]);
    expect(await store.sweepUnfinished(new Date(Date.now() + 60_000))).toBe(1);
    expect(await readdir(join(root, 'tmp'))).toEqual([]);
  });
});
