import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DirectStore, newBlobKey } from '../../src/blobs/blob-store.ts';
import type { Backend } from '../support/backend.ts';
import { newAzureContainer } from '../support/backends/azure-container.ts';
import { conformance } from './conformance.ts';
import { openVariables } from './open-variables.ts';
import { openDirect } from './signed-urls.ts';
import { chunked, patternOf, read, sourceOf, stalledAfter } from './sources.ts';

const MiB = 1024 * 1024;
const AN_HOUR = 3_600_000;
const WRITER = new URL('azure/writer-child.ts', import.meta.url).pathname;

conformance('Azure Blob Storage', async () => openVariables('azure', (await newAzureContainer()).env), {
  backend: newAzureContainer,
  holdsSize: false,
});

describe('the store of Azure Blob Storage', () => {
  let backend: Backend;
  let store: DirectStore;
  let container: ContainerClient;
  const later = () => new Date(Date.now() + AN_HOUR);
  const blocksOf = async (key: string) => {
    const told = await container
      .getBlockBlobClient(key)
      .getBlockList('uncommitted')
      .catch(() => undefined);
    return told?.uncommittedBlocks ?? [];
  };

  beforeAll(async () => {
    backend = await newAzureContainer();
    store = await openDirect(backend, backend.env);
    const { AZURE_STORAGE_CONNECTION_STRING = '', AZURE_CONTAINER = '' } = backend.env;
    container = BlobServiceClient.fromConnectionString(AZURE_STORAGE_CONNECTION_STRING).getContainerClient(
      AZURE_CONTAINER,
    );
  });
  afterAll(async () => {
    await store.close();
  });

  it('is found by account, key and address as well as by a connection string', async () => {
    const { AZURE_STORAGE_CONNECTION_STRING: text = '', AZURE_CONTAINER = '' } = backend.env;
    const part = (name: string) => new RegExp(`(?<=${name}=)[^;]+`).exec(text)?.[0] ?? '';
    const named = await openDirect(backend, {
      AZURE_STORAGE_ACCOUNT: part('AccountName'),
      AZURE_STORAGE_KEY: part('AccountKey'),
      AZURE_STORAGE_ENDPOINT: part('BlobEndpoint'),
      AZURE_CONTAINER,
    });
    const key = newBlobKey();
    await named.put(key, sourceOf(100));
    expect((await store.stat(key)).size).toBe(100);
    const url = await named.downloadUrl(key, {
      expiresInSeconds: 60,
      contentType: 'text/plain',
      contentDisposition: 'inline',
    });
    expect((await fetch(url)).status).toBe(200);
    await named.close();
  });

  it.each([
    ['a connection string that is none', { AZURE_STORAGE_CONNECTION_STRING: 'nothing' }],
    ['no key, and an address at which no identity may show itself', { AZURE_STORAGE_ACCOUNT: 'somebody' }],
  ])('says so where it is given %s', async (_what, variables) => {
    const opening = openVariables('azure', {
      ...variables,
      AZURE_CONTAINER: 'somewhere',
      AZURE_STORAGE_ENDPOINT: 'http://127.0.0.1:1',
      STORAGE_TIMEOUT_SECONDS: '5',
    });
    const failure = await opening
      .then((opened) => opened.check().finally(() => opened.close()))
      .catch((error) => error);
    expect(failure).toMatchObject({ code: 'STORAGE_UNAVAILABLE', cause: expect.anything() });
  });

  it('sweeps the blocks of a writer that was killed, and none before its time', async () => {
    const begun = new Date();
    const key = newBlobKey();
    const child = spawn(process.execPath, [WRITER, JSON.stringify(backend.env), String(17 * MiB), key], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    await expect.poll(() => blocksOf(key), { timeout: 20_000 }).toHaveLength(3);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await expect(store.stat(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await Array.fromAsync(store.list())).not.toContainEqual(expect.objectContaining({ key }));
    expect(await store.sweepUnfinished(begun)).toBe(0);
    expect(await store.sweepUnfinished(later(), { countOnly: true })).toBe(1);
    expect(await blocksOf(key)).toHaveLength(3);
    expect(await store.sweepUnfinished(later())).toBe(1);
    expect(await blocksOf(key)).toEqual([]);
    await expect(store.stat(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await store.sweepUnfinished(later())).toBe(0);
    expect(await store.put(key, sourceOf(11 * MiB))).toBe(11 * MiB);
  });

  it('tells the age of blocks by the last that came, not by the first', async () => {
    const key = newBlobKey();
    const source = stalledAfter(6 * MiB);
    const putting = store.put(key, source);
    await expect.poll(() => blocksOf(key), { timeout: 20_000 }).toHaveLength(1);
    await wait(50);
    const between = new Date();
    source.push(Buffer.alloc(5 * MiB));
    await expect.poll(() => blocksOf(key), { timeout: 20_000 }).toHaveLength(2);
    expect(await store.sweepUnfinished(between, { countOnly: true })).toBe(0);
    expect(await store.sweepUnfinished(later(), { countOnly: true })).toBe(1);
    source.push(null);
    expect(await putting).toBe(11 * MiB);
  });

  it('takes what is left of an upload that was given up for absent, and sweeps it in its time', async () => {
    const key = newBlobKey();
    await container.getBlockBlobClient(key).upload('', 0, { metadata: { imaginaryremnant: 'true' } });
    await expect(store.stat(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(store.open(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await Array.fromAsync(store.list(key))).toEqual([]);
    expect(await store.sweepUnfinished(new Date(Date.now() - AN_HOUR))).toBe(0);
    expect(await store.sweepUnfinished(later())).toBe(1);
    expect(await store.sweepUnfinished(later())).toBe(0);
    expect(await store.put(key, sourceOf(5))).toBe(5);
  });

  it('sends no block under a key that is taken', async () => {
    const key = newBlobKey();
    await store.put(key, sourceOf(10));
    await expect(store.put(key, sourceOf(20 * MiB))).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await blocksOf(key)).toEqual([]);
  });

  it('lets exactly one of two puts in blocks on one key win, with its bytes intact', async () => {
    for (let round = 0; round < 3; round += 1) {
      const key = newBlobKey();
      const contents = [patternOf(12 * MiB, 1), patternOf(13 * MiB, 2)];
      const results = await Promise.allSettled(
        contents.map((content) => store.put(key, chunked(content, 65_536))),
      );
      const winner = results.findIndex(({ status }) => status === 'fulfilled');
      expect(results.filter(({ status }) => status === 'rejected')).toMatchObject([
        { reason: { code: 'CONFLICT' } },
      ]);
      expect((await read(await store.open(key))).equals(contents[winner] ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it('leaves the blocks of another put of the same key alone when one is given up', async () => {
    const key = newBlobKey();
    const [lasting, leaving] = [stalledAfter(11 * MiB), stalledAfter(12 * MiB)];
    const puts = [store.put(key, lasting), store.put(key, leaving)];
    await expect.poll(() => blocksOf(key), { timeout: 20_000 }).toHaveLength(4);
    leaving.destroy(new Error('gone'));
    await expect(puts[1]).rejects.toThrow('gone');
    lasting.push(null);
    expect(await puts[0]).toBe(11 * MiB);
    expect(await read(await store.open(key))).toHaveLength(11 * MiB);
    expect(await blocksOf(key)).toEqual([]);
  });
});
