import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type Account,
  gql,
  multipart,
  operationParts,
  pause,
  register,
  send,
  UPLOAD_FILE,
  upload,
  uploadHeaders,
} from '../../support/client.ts';
import { Inspector } from '../../support/leftovers.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const MIB = 1024 * 1024;
const FIELDS = operationParts(UPLOAD_FILE, { file: null }, { 0: ['variables.file'] });

let folder: string;
const running: RunningServer[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-lifecycle-'));
});
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop('SIGKILL').catch(() => undefined);
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
});

async function start(env: Parameters<typeof startServer>[0] = {}): Promise<RunningServer> {
  const server = await startServer(env);
  running.push(server);
  return server;
}
const embedded = (env: object = {}) => start({ DATA_PATH: folder, MONGODB_URI: null, ...env });

/** Begins an upload of 2 MiB and sends the first one. */
async function halfUpload(server: RunningServer, { token }: Account) {
  const body = multipart([...FIELDS, { name: '0', filename: 'a.bin', content: randomBytes(2 * MIB) }]);
  const connection = await RawConnection.open(server.origin);
  connection.begin({ ...uploadHeaders(token), 'content-length': String(body.length) });
  connection.socket.write(body.subarray(0, MIB));
  return { connection, rest: body.subarray(MIB) };
}

async function until(holds: () => Promise<boolean>, patienceMs = 10_000): Promise<void> {
  for (const end = Date.now() + patienceMs; !(await holds()); await pause(20)) {
    if (Date.now() > end) throw new Error('It never came to that.');
  }
}

const childrenOf = async (pid: number) =>
  (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').filter(Boolean).map(Number);
const engineUri = async () =>
  `mongodb://${encodeURIComponent(await readFile(join(folder, 'db', 'imaginary-storage.socket'), 'utf8'))}/imaginaryStorage`;

/** Makes everything that is left look as if nobody had touched it for an hour. */
async function age(inspector: Inspector): Promise<void> {
  const then = new Date(Date.now() - 3_600_000);
  const { connection } = inspector;
  await connection
    .collection('files')
    .updateMany({ heartbeatAt: { $exists: true } }, { $set: { heartbeatAt: then } });
  for (const name of ['users', 'blobs']) {
    await connection
      .collection(name)
      .updateMany({ claims: { $exists: true } }, { $set: { 'claims.$[].at': then } });
  }
  const temp = join(folder, 'blobs', 'tmp');
  for (const file of await readdir(temp)) await utimes(join(temp, file), then, then);
}

test('kill -9 of the server and its engine amid uploads leaves what a sweep makes consistent', {
  timeout: 90_000,
}, async () => {
  const first = await embedded();
  const ann = await register(first.origin);
  const before = await Inspector.open(await engineUri(), folder);
  const acknowledged: { id: string; hash: string }[] = [];
  const keepUploading = async (): Promise<void> => {
    for (;;) {
      const content = randomBytes(200_000);
      const { data } = await upload(first.origin, ann.token, { content });
      if (!data) return;
      acknowledged.push({ id: data.uploadFile.id, hash: createHash('sha256').update(content).digest('hex') });
    }
  };
  for (let i = 0; i < 10; i += 1) await halfUpload(first, ann);
  await until(async () => (await before.holdings()).unfinished === 10);
  const uploading = Array.from({ length: 6 }, () => keepUploading().catch(() => undefined));
  await until(async () => acknowledged.length > 20);
  const children = await childrenOf(first.pid);
  expect(children.length).toBeGreaterThan(0);
  for (const pid of children) process.kill(pid, 'SIGKILL');
  await first.kill();
  await Promise.all([...uploading, before.close().catch(() => undefined)]);

  const second = await embedded({ BLOB_GRACE_MINUTES: '0', SWEEP_INTERVAL_SECONDS: '1' });
  const inspector = await Inspector.open(await engineUri(), folder);
  expect((await inspector.holdings()).unfinished).toBeGreaterThanOrEqual(10);
  await age(inspector);
  expect(await inspector.settled(15_000)).toEqual([]);
  for (const { id, hash } of acknowledged) {
    const { status, headers } = await send(second.origin, {
      method: 'GET',
      path: `/files/${id}/content`,
      headers: { authorization: `Bearer ${ann.token}` },
    });
    expect([status, headers.etag, headers['content-length']]).toEqual([200, `"${hash}"`, '200000']);
  }
  await inspector.close();
  expect(await second.stop()).toBe(0);
});

test('SIGTERM lets a running upload finish, takes no new one, and exits with 0', async () => {
  const server = await start();
  const ann = await register(server.origin);
  const { connection, rest } = await halfUpload(server, ann);
  await pause(200);
  const stopped = server.stop('SIGTERM');
  await pause(300);
  await expect(RawConnection.open(server.origin)).rejects.toThrow(/ECONNREFUSED/);
  connection.socket.write(rest);
  expect((await connection.answer()).text).toContain(`"fileSize":${2 * MIB}`);
  connection.socket.end();
  expect(await stopped).toBe(0);
});

test('an upload that outlives the grace is undone, and the exit is clean all the same', async () => {
  const server = await start({ SHUTDOWN_GRACE_SECONDS: '1' });
  const inspector = await Inspector.of(server);
  const { connection } = await halfUpload(server, await register(server.origin));
  await until(async () => (await inspector.holdings()).unfinished === 1);
  process.kill(server.pid, 'SIGTERM');
  await connection.ended(10_000);
  expect(await inspector.settled()).toEqual([]);
  await inspector.close();
  expect(await server.stop()).toBe(0);
});

test('a second signal ends the process at once', async () => {
  const server = await start();
  const inspector = await Inspector.of(server);
  await halfUpload(server, await register(server.origin));
  await until(async () => (await inspector.holdings()).unfinished === 1);
  await inspector.close();
  process.kill(server.pid, 'SIGINT');
  await pause(200);
  const since = Date.now();
  expect(await server.stop('SIGINT')).toBe(1);
  expect(Date.now() - since).toBeLessThan(2_000);
});

test('a data directory serves one process, and the second says so', { timeout: 60_000 }, async () => {
  const first = await embedded();
  await expect(embedded()).rejects.toThrow(/already in use by another imaginaryStorage/);
  expect((await gql(first.origin, '{ __typename }')).errors).toEqual([]);
});

test.each([
  ['MONGODB_URI', { MONGODB_URI: null, JWT_SECRET: 'x'.repeat(32) }],
  ['JWT_SECRET', { JWT_SECRET: null }],
  ['JWT_SECRET', { JWT_SECRET: 'short' }],
  [
    'APP_URL or PUBLIC_URL',
    { JWT_SECRET: 'x'.repeat(32), EMAIL_HOST: 'mail', EMAIL_FROM: 'files@service.example' },
  ],
])('production does not start without %s', async (name, env) => {
  const starting = start({ NODE_ENV: 'production', ...env });
  await expect(starting).rejects.toThrow(new RegExp(`could not start[^]*${name} must`));
});

test('what was made up at the first start is kept: tokens outlive a restart', async () => {
  const first = await start({ DATA_PATH: folder });
  const ann = await register(first.origin);
  await first.kill();
  const second = await start({ DATA_PATH: folder, MONGODB_URI: first.env.MONGODB_URI });
  const { data } = await gql<{ me: { id: string } }>(second.origin, '{ me { id } }', {}, ann.token);
  expect(data?.me.id).toBe(ann.id);
});

test('once it says that it is ready, it is', async () => {
  const server = await start();
  const ready = await send(server.origin, { method: 'GET', path: '/health/ready' });
  expect(ready.status).toBe(200);
  expect(server.log().match(/is ready/g)).toHaveLength(1);
});
