import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Backend } from '../../support/backend.ts';
import { newAzureContainer } from '../../support/backends/azure-container.ts';
import { type CommandRun, runCommand, startCommand } from '../../support/cli.ts';
import { type Account, pause, register, upload } from '../../support/client.ts';
import { Inspector } from '../../support/leftovers.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const MIB = 1024 * 1024;
const DAY_MS = 24 * 60 * 60 * 1000;
const LEASE_MS = 25_000;

let backend: Backend;
let server: RunningServer;
let inspector: Inspector;
let ann: Account;
beforeEach(async () => {
  backend = await newAzureContainer();
  server = await startServer({ ...backend.env, BACKUP_PROVIDER: 'azure', SWEEP_INTERVAL_SECONDS: '1' });
  inspector = await Inspector.of(server);
  ann = await register(server.origin);
});
afterEach(async () => {
  await inspector?.close();
  await server?.stop();
});

const check = (...options: string[]) => runCommand(['storage', 'check', ...options], inServer());
const inServer = (changes: Record<string, string> = {}) => ({
  env: { ...server.env, ...changes },
  cwd: server.dataPath,
});

const blobs = () => inspector.connection.collection('blobs');
const files = () => inspector.connection.collection('files');
const pathOf = (key: string) => join(server.dataPath, 'blobs', key.slice(0, 2), key);

async function store(content: Buffer): Promise<{ id: string; key: string }> {
  const { data } = await upload(server.origin, ann.token, { content });
  if (!data) throw new Error('It was not stored.');
  const { fileHash, id } = data.uploadFile;
  const blob = await blobs().findOne({ hash: fileHash });
  return { id, key: blob?.key };
}

/** Resolves once every content has its second copy and nothing is due. */
async function copied(): Promise<void> {
  const end = Date.now() + 10_000;
  while (
    await blobs().countDocuments({
      $or: [{ 'replicas.0': { $exists: false } }, { copyDueAt: { $exists: true } }],
    })
  ) {
    if (Date.now() > end) throw new Error(`Not all was copied:\n${server.log()}`);
    await pause(50);
  }
}

async function orphan(): Promise<string> {
  const key = randomBytes(16).toString('hex');
  await mkdir(join(server.dataPath, 'blobs', key.slice(0, 2)), { recursive: true });
  await writeFile(pathOf(key), 'nobody’s');
  const then = new Date(Date.now() - DAY_MS);
  await utimes(pathOf(key), then, then);
  return key;
}

async function fetched(id: string): Promise<string> {
  const headers = { authorization: `Bearer ${ann.token}` };
  const answer = await fetch(`${server.origin}/files/${id}/content`, { headers });
  return createHash('sha256')
    .update(Buffer.from(await answer.arrayBuffer()))
    .digest('hex');
}

const brief = ({ code, stdout }: CommandRun) => ({
  code,
  findings: (JSON.parse(stdout) as { findings: { kind: string; outcome: string }[] }).findings
    .map(({ kind, outcome }) => `${kind} ${outcome}`)
    .sort(),
});

test('beside a running service says that nothing is wrong, and ends with 0', async () => {
  await store(randomBytes(100));
  await copied();
  const { code, stdout, stderr } = await check('--deep');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^local \(.*\): 1 objects; 1 first copies and 0 others are named\.$/m);
  expect(stdout).toMatch(/^azure \(.*\): 1 objects; 0 first copies and 1 others are named\.$/m);
  expect(stdout).toMatch(/^Nothing is wrong\.$/m);
});

test('shows by kind what is wrong, repairs it where told to, and then finds it no more', async () => {
  const contents = Array.from({ length: 4 }, () => randomBytes(1_000));
  const stored = [];
  for (const content of contents) stored.push(await store(content));
  await copied();
  const [missing, short] = stored;
  await rm(pathOf(missing?.key ?? ''));
  await writeFile(pathOf(short?.key ?? ''), 'short');
  const nobodys = await orphan();
  const third = await blobs().findOne({ key: stored[2]?.key });
  await files().updateOne({ blob: third?._id }, { $set: { storageLocation: 'elsewhere' } });
  await blobs().updateOne({ key: stored[3]?.key }, { $inc: { refCount: 5 } });

  const found = await check();
  expect(found.code).toBe(1);
  for (const kind of ['missing', 'wrong-size', 'orphan', 'wrong-place', 'wrong-count']) {
    expect(found.stdout).toMatch(new RegExp(`^${kind}: .* \\(1 found\\)$`, 'm'));
  }
  expect(found.stdout).toMatch(new RegExp(`^  local +${nobodys} +\\d+ bytes since .* +no$`, 'm'));

  const repaired = brief(await check('--repair', '--json'));
  const kinds = ['missing', 'orphan', 'wrong-count', 'wrong-place', 'wrong-size'];
  expect(repaired).toEqual({ code: 0, findings: kinds.map((kind) => `${kind} repaired`) });
  await copied();
  expect(brief(await check('--deep', '--json'))).toEqual({ code: 0, findings: [] });
  for (const [i, { id }] of stored.entries()) {
    expect(await fetched(id)).toBe(
      createHash('sha256')
        .update(contents[i] ?? '')
        .digest('hex'),
    );
  }
  expect(await readdir(join(server.dataPath, 'blobs', 'lost-found', nobodys.slice(0, 2)))).toEqual([nobodys]);
});

test('tells a provider that does not answer, checks the others, and ends with 1', async () => {
  const { key } = await store(randomBytes(100));
  await copied();
  await rm(pathOf(key));
  const args = ['storage', 'check', '--json', '--repair'];
  const run = await runCommand(args, inServer({ ...backend.foreign }));
  expect(brief(run)).toEqual({ code: 1, findings: ['missing failed'] });
  expect(JSON.parse(run.stdout)).toMatchObject({
    stores: [{ provider: 'local', objects: 0, contents: 1, replicas: 0 }],
    unreachable: [{ provider: 'azure', reason: expect.stringMatching(/refuses/) }],
  });
  expect(brief(await check('--json', '--provider', 'azure'))).toEqual({ code: 0, findings: [] });
});

test('refuses what it cannot do, with 2', async () => {
  const unknown = await check('--provider', 'gcp');
  expect({ code: unknown.code, stdout: unknown.stdout }).toEqual({ code: 2, stdout: '' });
  expect(unknown.stderr).toMatch(/'gcp' is no configured provider: local, azure/);
  expect((await check('--force')).code).toBe(2);
});

test('says of a content without a copy that it is lost, until it is there again', async () => {
  const content = randomBytes(100);
  const { id, key } = await store(content);
  await store(randomBytes(101));
  await copied();
  await blobs().updateOne({ key }, { $unset: { replicas: '' } });
  await rm(pathOf(key));
  const lost = brief(await check('--repair', '--json'));
  expect(lost).toMatchObject({ code: 1, findings: expect.arrayContaining(['missing lost']) });
  const known = await check('--provider', 'local');
  expect(known.code).toBe(0);
  const list = await fetch(`${server.origin}/files/${id}/content`, {
    headers: { authorization: `Bearer ${ann.token}` },
  });
  expect(list.status).toBe(404);
  await writeFile(pathOf(key), content);
  expect(brief(await check('--repair', '--json', '--provider', 'local'))).toEqual({
    code: 0,
    findings: ['found-again repaired'],
  });
  expect(await fetched(id)).toBe(createHash('sha256').update(content).digest('hex'));
});

test('a repair that is killed loses nothing, and the next one finishes it', {
  timeout: 120_000,
}, async () => {
  const contents = Array.from({ length: 24 }, () => randomBytes(MIB));
  const stored = [];
  for (const content of contents) stored.push(await store(content));
  await copied();
  for (const { key } of stored) await rm(pathOf(key));
  const before = await blobs().find().toArray();
  const repair = startCommand(['storage', 'check', '--repair', '--json'], inServer());
  const end = Date.now() + 30_000;
  const moved = async () =>
    before.length - (await blobs().countDocuments({ key: { $in: before.map(({ key }) => key) } }));
  while ((await moved()) < 3 && Date.now() < end) await pause(5);
  repair.kill('SIGKILL');
  expect((await repair.ended).code).toBeNull();
  const left = before.length - (await moved());
  expect(left).toBeGreaterThan(0);

  // The lease of the one that was killed runs out by itself.
  let next = await check('--repair', '--json');
  for (
    const until = Date.now() + LEASE_MS;
    /another check is running/.test(next.stderr) && Date.now() < until;
  ) {
    await pause(500);
    next = await check('--repair', '--json');
  }
  expect(brief(next).code).toBe(0);
  await copied();
  expect(brief(await check('--deep', '--json'))).toEqual({ code: 0, findings: [] });
  for (const [i, { id }] of stored.entries()) {
    expect(await fetched(id)).toBe(
      createHash('sha256')
        .update(contents[i] ?? '')
        .digest('hex'),
    );
  }
});
