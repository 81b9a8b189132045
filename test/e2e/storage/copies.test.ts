import { createHash, randomBytes } from 'node:crypto';
import { glob, rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backend } from '../../support/backend.ts';
import { newAzureContainer } from '../../support/backends/azure-container.ts';
import { objectsIn } from '../../support/backends/azure-objects.ts';
import { type Account, register, upload } from '../../support/client.ts';
import { Inspector } from '../../support/leftovers.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const MIB = 1024 * 1024;
const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');

let container: Backend;
let server: RunningServer;
let first: RunningServer;
let owner: Account;
let inspector: Inspector;
const files: { id: string; hash: string }[] = [];

beforeAll(async () => {
  container = await newAzureContainer();
  first = await startServer({ ...SETTINGS, ...container.env });
  server = first;
  owner = await register(server.origin);
  inspector = await Inspector.of(server);
});
afterAll(async () => {
  await inspector.close();
  if (server !== first) await server.stop();
  await first.stop();
});

const SETTINGS = {
  BACKUP_PROVIDER: 'azure',
  BLOB_GRACE_MINUTES: '0',
  SWEEP_INTERVAL_SECONDS: '1',
  LOG_LEVEL: 'info',
};

async function add(content: Buffer): Promise<string> {
  const { data, text } = await upload(server.origin, owner.token, { content });
  if (!data) throw new Error(text);
  files.push({ id: data.uploadFile.id, hash: sha256(content) });
  return data.uploadFile.id;
}

async function download(id: string): Promise<string> {
  const headers = { authorization: `Bearer ${owner.token}` };
  const answer = await fetch(`${server.origin}/files/${id}/content`, { headers });
  return sha256(await answer.bytes());
}

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + 90_000;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`${what} did not come about:\n${server.log()}`);
    await pause(5);
  }
}

const blobs = async () => (await inspector.holdings()).blobs;
const isQuiet = async () =>
  (await blobs()).every(
    ({ copyDueAt, damagedAt, replicas }) => !copyDueAt && !damagedAt && replicas?.length === 1,
  );
const isWriting = async () => (await blobs()).some(({ leftovers }) => leftovers?.length > 0);

async function removeLocal(key: string): Promise<void> {
  for await (const path of glob(`${server.dataPath}/blobs/**/${key}`)) await rm(path);
}

/** Kills the server, starts it again on the same data and waits until nothing is due. */
async function killAndRestart(): Promise<void> {
  await server.kill();
  expect(await isWriting()).toBe(true);
  if (server !== first) await server.stop();
  server = await startServer({ ...first.env, PORT: '0' });
  await until(isQuiet, 'a copy of every content');
}

/** What must hold once nothing is due: every content whole, everywhere what the documents name and nothing else. */
async function expectWhole(): Promise<void> {
  // As if what is left had waited for its hour; the sweep comes every second.
  const collection = inspector.connection.collection('blobs');
  const old = { $set: { 'leftovers.$[].deleteAfter': new Date(1) } };
  await collection.updateMany({ 'leftovers.0': { $exists: true } }, old);
  await until(async () => !(await isWriting()), 'the end of all leftovers');
  const held = await inspector.holdings();
  expect([...held.keys].sort()).toEqual(held.blobs.map(({ key }) => key).sort());
  expect(await objectsIn(container)).toEqual(held.blobs.map(({ replicas }) => replicas[0].key).sort());
  for (const { id, hash } of files) expect(await download(id)).toBe(hash);
}

describe('With a backup provider', () => {
  test('every content soon has a second copy, of which its file tells', async () => {
    for (let i = 0; i < 4; i += 1) await add(randomBytes(i * 300_000));
    await until(isQuiet, 'a copy of every content');
    await expectWhole();
    const { files: documents } = await inspector.holdings();
    const place = `azure:${container.env.AZURE_CONTAINER}`;
    for (const { backupLocation } of documents) expect(backupLocation).toBe(place);
  });

  test('a content whose file on disk is gone is served, counted, told of and repaired', async () => {
    const content = randomBytes(400_000);
    const id = await add(content);
    await until(isQuiet, 'a copy of every content');
    const blob = (await blobs()).find(({ hash }) => hash === sha256(content));
    await removeLocal(blob?.key);
    expect(await download(id)).toBe(sha256(content));
    const metrics = await (await fetch(`${server.origin}/metrics`)).text();
    expect(metrics).toMatch(/^blob_read_fallbacks_total\{provider="local"\} 1$/m);
    expect(server.log()).toContain('a blob was read from another copy than its first');
    await until(async () => (await isQuiet()) && !(await isWriting()), 'the repair');
    expect(await (await fetch(`${server.origin}/metrics`)).text()).toMatch(
      /^blob_copies_total\{kind="repair",outcome="made"\} 1$/m,
    );
    const { files: documents } = await inspector.holdings();
    expect(documents.find(({ _id }) => String(_id) === id)?.downloadCount).toBe(1);
    await expectWhole();
  });

  test('a server that is killed while it makes second copies makes them after its restart', {
    timeout: 180_000,
  }, async () => {
    for (let i = 0; i < 2; i += 1) await add(randomBytes(48 * MIB));
    await until(isWriting, 'a copy that is under way');
    await killAndRestart();
    await expectWhole();
  });

  test('a server that is killed during a repair repairs after its restart', {
    timeout: 180_000,
  }, async () => {
    const large = (await blobs()).filter(({ size }) => size === 48 * MIB);
    for (const { key } of large) await removeLocal(key);
    for (const { id } of files.slice(-2)) await download(id);
    await until(isWriting, 'a repair that is under way');
    await killAndRestart();
    expect((await blobs()).filter(({ key }) => large.some((blob) => blob.key === key))).toEqual([]);
    await expectWhole();
  });

  test('contents that were stored without one get their copies once it is there', {
    timeout: 120_000,
  }, async () => {
    await server.stop();
    server = await startServer({
      ...first.env,
      PORT: '0',
      BACKUP_PROVIDER: null,
      STORAGE_PROVIDERS: 'azure',
    });
    for (let i = 0; i < 3; i += 1) await add(randomBytes(1_000 + i));
    await pause(2_500);
    expect(await isQuiet()).toBe(false);
    await server.stop();
    server = await startServer({ ...first.env, PORT: '0' });
    await until(isQuiet, 'a copy of every content');
    await expectWhole();
  });
});
