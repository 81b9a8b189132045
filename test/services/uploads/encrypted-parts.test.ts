import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Stores } from '../../../src/blobs/stores.ts';
import { overwrite } from '../../support/nodes/copy-node.ts';
import { uploadNode } from '../../support/nodes/upload-node.ts';
import { liesBelow, SealedBench, type SealedNode } from '../../support/sealed-bench.ts';

const CONTENT = randomBytes(3_500);
const never = new AbortController().signal;
let bench: SealedBench;
let node: SealedNode;

beforeAll(async () => {
  bench = await SealedBench.open();
});
afterAll(() => bench.database.close());
beforeEach(async () => {
  await bench.fill();
  node = bench.node(['a']);
});
afterEach(() => bench.empty());

const announced = { originalName: 'a.txt', fileSize: CONTENT.length };
const open = (by = node) => by.services.directUploads.create(bench.viewer, announced);
const complete = (id: string, by = node) => by.services.directUploads.complete(bench.viewer, id, null, never);
const stream = (bytes: Buffer) => Readable.from([bytes], { objectMode: false });
const keysOf = async (id: string) =>
  (await bench.database.collections.files.findById(id).select('+direct').lean())?.direct?.keys ?? [];

/** Sends parts by the addresses that the ticket names. */
async function send({ id, parts }: Awaited<ReturnType<typeof open>>, by = node, content = CONTENT) {
  for (const { number, start, size, url } of parts) {
    const link = Object.fromEntries(new URL(url).searchParams);
    const part = await by.services.partUploads.admit(id, `${number}`, link, size);
    await by.services.partUploads.put(part, stream(content.subarray(start, start + size)));
  }
}

test('parts are kept encrypted, one key for each time one is sent, and become one encrypted file', async () => {
  const ticket = await open();
  await send(ticket);
  const [first = ''] = await keysOf(ticket.id);
  const bytes = async () => Buffer.concat(await (await bench.local.open(first)).stream.toArray());
  const before = await bytes();
  await send(ticket);
  expect((await bytes()).subarray(0, 16).equals(before.subarray(0, 16))).toBe(false);
  expect(await liesBelow(bench.folder, CONTENT)).toBe(false);
  const file = await complete(ticket.id);
  expect(await liesBelow(bench.folder, CONTENT)).toBe(false);
  expect(file.encryption).toMatchObject({ isEncrypted: true, keyId: 'a' });
  expect((await node.read(file)).equals(CONTENT)).toBe(true);
  expect(await Array.fromAsync(bench.local.list('incoming/'))).toEqual([]);
});

test('no address of the provider is given out while contents are encrypted, and none is waited for', async () => {
  const address = async () => ({ method: 'PUT', url: 'https://provider.test/', headers: {} });
  const direct = new Proxy(bench.local, {
    has: (target, name) => name === 'downloadUrl' || name === 'uploadAddress' || name in target,
    get: (target, name) => {
      if (name === 'uploadAddress' || name === 'downloadUrl') return address;
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const issue = (keys: SealedNode['keys']) =>
    uploadNode(bench.database, new Stores([direct]), undefined, { keys }).directUploads;
  const plain = await issue(bench.keys()).create(bench.viewer, announced);
  expect(plain.parts[0]?.url).toBe('https://provider.test/');
  const uploads = issue(bench.keys('a'));
  const ticket = await uploads.create(bench.viewer, announced);
  for (const { url } of ticket.parts) expect(url).toMatch(/^http:\/\/node\.test\/uploads\//);
  await uploads.cancel(bench.viewer, ticket.id);
  expect(await bench.database.collections.files.findById(ticket.id).lean()).toBeNull();
});

test('parts that were changed, exchanged or cut in the store do not become a file', async () => {
  const ticket = await open();
  const harm = async (change: (parts: Buffer[]) => Buffer[]) => {
    await send(ticket);
    const keys = await keysOf(ticket.id);
    const parts = await Promise.all(
      keys.map(async (key) => Buffer.concat(await (await bench.local.open(key)).stream.toArray())),
    );
    for (const [i, bytes] of change(parts).entries()) await overwrite(bench.local, keys[i] as string, bytes);
    await expect(complete(ticket.id)).rejects.toThrow();
  };
  await harm((parts) => parts.map((part) => Buffer.from(part).fill((part[50] ?? 0) ^ 1, 50, 51)));
  await harm(([a, b, ...others]) => [b, a, ...others] as Buffer[]);
  await harm((parts) => parts.map((part) => part.subarray(0, -1)));
  await send(ticket);
  expect((await node.read(await complete(ticket.id))).equals(CONTENT)).toBe(true);
});

test('a part that ends early is refused, and so is one of a ticket whose master key is gone', async () => {
  const ticket = await open();
  const [{ number, size, url } = { number: 0, size: 0, url: '' }] = ticket.parts;
  const link = Object.fromEntries(new URL(url).searchParams);
  const part = await node.services.partUploads.admit(ticket.id, `${number}`, link, size);
  const short = node.services.partUploads.put(part, stream(CONTENT.subarray(0, size - 1)));
  await expect(short).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  await send(ticket);
  const without = bench.node(['b']);
  const UNAVAILABLE = { code: 'STORAGE_UNAVAILABLE' };
  await expect(send(ticket, without)).rejects.toMatchObject(UNAVAILABLE);
  await expect(complete(ticket.id, without)).rejects.toMatchObject(UNAVAILABLE);
  const file = await complete(ticket.id, bench.node(['b', 'a']));
  expect(file.encryption).toMatchObject({ keyId: 'b' });
});

test('a ticket from before encryption was switched on ends as it began, and its file is encrypted', async () => {
  const ticket = await open(bench.node([]));
  await send(ticket);
  const file = await complete(ticket.id);
  expect(file.encryption).toMatchObject({ isEncrypted: true });
  expect(await liesBelow(bench.folder, CONTENT)).toBe(false);
  expect((await node.read(file)).equals(CONTENT)).toBe(true);
});

test('a rotation between the parts and their completion changes nothing for the client', async () => {
  const ticket = await open();
  await send(ticket);
  const later = bench.node(['b', 'a']);
  await later.rotation.rotate({ rewrapped: () => undefined, failed: () => undefined }, never);
  const alone = bench.node(['b']);
  expect((await alone.read(await complete(ticket.id, alone))).equals(CONTENT)).toBe(true);
});
