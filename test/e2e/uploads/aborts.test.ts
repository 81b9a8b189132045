import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  type Account,
  gql,
  multipart,
  operationParts,
  pause,
  register,
  UPLOAD_FILE,
  UPLOAD_FILES,
  upload,
  uploadHeaders,
} from '../../support/client.ts';
import { Inspector, vitalsOf } from '../../support/leftovers.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const MIB = 1024 * 1024;
const IDLE_SECONDS = 2;
const ROUNDS = Number(process.env.TEST_ABORTED_UPLOADS ?? 200);

let server: RunningServer;
let inspector: Inspector;
let ann: Account;

beforeAll(async () => {
  // With little room for garbage, memory that grows is memory that is kept.
  const NODE_OPTIONS = '--max-old-space-size=192';
  server = await startServer({ UPLOAD_IDLE_SECONDS: String(IDLE_SECONDS), NODE_OPTIONS });
  inspector = await Inspector.of(server);
  ann = await register(server.origin);
});
afterAll(async () => {
  await inspector.close();
  await server.stop();
});
beforeEach(async () => {
  ann = await register(server.origin);
});

const FIELDS = operationParts(UPLOAD_FILE, { file: null }, { 0: ['variables.file'] });
const bodyOf = (content: Buffer) => multipart([...FIELDS, { name: '0', filename: 'a.bin', content }]);

/** Begins an upload that announces `length` bytes and sends only the given ones. */
async function begin(length: number, bytes: Buffer): Promise<RawConnection> {
  const connection = await RawConnection.open(server.origin);
  connection.begin({ ...uploadHeaders(ann.token), 'content-length': String(length) });
  connection.socket.write(bytes);
  return connection;
}

/** Resolves once the upload of this account has got so far that its document exists. */
async function registered(): Promise<void> {
  for (let i = 0; i < 500; i += 1) {
    if ((await inspector.holdings()).unfinished > 0) return;
    await pause(10);
  }
  throw new Error('The upload never began.');
}

const BODY = bodyOf(randomBytes(2 * MIB));
const FILE_AT = BODY.indexOf('a.bin');

test.each([
  ['before any byte of the body', 0],
  ['within the operations', 100],
  ['within the file’s head', FILE_AT + 2],
  ['at the file’s first byte', FILE_AT + 10],
  ['in the middle of the file', MIB],
  ['before the closing boundary', BODY.length - 10],
])('a client that vanishes %s leaves nothing', async (_when, bytes) => {
  for (const delay of [0, 1, 20, 100]) {
    const connection = await begin(BODY.length, BODY.subarray(0, bytes));
    await pause(delay);
    connection.vanish();
  }
  await pause(50);
  expect(await inspector.settled()).toEqual([]);
  expect(await inspector.usedBytes(ann.id)).toBe(0);
});

test('a client that vanishes after its last byte leaves a whole file or none', async () => {
  for (const delay of [0, 1, 5, 20]) {
    const connection = await begin(BODY.length, BODY);
    await pause(delay);
    connection.vanish();
  }
  await pause(200);
  expect(await inspector.settled()).toEqual([]);
  expect((await inspector.usedBytes(ann.id)) % (2 * MIB)).toBe(0);
});

test('a client that vanishes while a part waits on disk leaves nothing', async () => {
  const map = { 0: ['variables.files.0', 'variables.files.1'] };
  const fields = operationParts(UPLOAD_FILES, { files: [null, null] }, map);
  const body = multipart([...fields, { name: '0', filename: 'a.bin', content: randomBytes(2 * MIB) }]);
  for (const delay of [0, 2, 20, 100]) {
    const connection = await begin(body.length, body.subarray(0, MIB));
    await pause(delay);
    connection.vanish();
  }
  await pause(100);
  expect(await inspector.settled()).toEqual([]);
  expect((await vitalsOf(server.pid)).spilling).toBe(0);
});

test('aborted uploads cost neither descriptors nor memory', { timeout: 240_000 }, async () => {
  const abortSome = async (count: number) => {
    for (let i = 0; i < count; i += 10) {
      const some = Array.from({ length: 10 }, async (_, j) => {
        const connection = await begin(
          BODY.length,
          BODY.subarray(0, FILE_AT + (((i + j) * 7919) % (2 * MIB))),
        );
        await pause(((i + j) * 13) % 60);
        connection.vanish();
      });
      await Promise.all(some);
    }
    expect(await inspector.settled(10_000)).toEqual([]);
    await pause(300);
    return vitalsOf(server.pid);
  };
  const warm = await abortSome(100);
  const after = await abortSome(ROUNDS);
  if (process.env.TEST_ABORTED_UPLOADS) process.stdout.write(`${JSON.stringify({ warm, after })}\n`);
  expect(after.files).toBeLessThanOrEqual(warm.files + 2);
  // The database’s pool may still grow to its 50 connections.
  expect(after.others).toBeLessThanOrEqual(warm.others + 50);
  expect(after.memory - warm.memory).toBeLessThan(96 * MIB);
  expect(server.log()).not.toMatch(/ERROR|"level":50|FATAL/);
});

test('a slow client’s upload arrives', async () => {
  const body = bodyOf(randomBytes(200_000));
  const connection = await begin(body.length, Buffer.alloc(0));
  // Longer in all than a silence may be.
  for (let at = 0; at < body.length; at += 10_000) {
    connection.socket.write(body.subarray(at, at + 10_000));
    await pause(120);
  }
  const { errors, text } = await connection.answer();
  expect(errors).toEqual([]);
  expect(text).toContain('"fileSize":200000');
});

test('a client that falls silent is cut, and what it sent is given back', async () => {
  const connection = await begin(BODY.length, BODY.subarray(0, MIB));
  await registered();
  const silentSince = Date.now();
  await connection.ended((IDLE_SECONDS + 5) * 1_000);
  expect(Date.now() - silentSince).toBeGreaterThan((IDLE_SECONDS - 1) * 1_000);
  expect(await inspector.settled()).toEqual([]);
  expect(await inspector.usedBytes(ann.id)).toBe(0);
});

test('fifty uploads of 1 MiB at once arrive, in bounded memory', async () => {
  const before = await vitalsOf(server.pid);
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => upload(server.origin, ann.token, { content: randomBytes(MIB) })),
  );
  expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
  expect(await inspector.settled()).toEqual([]);
  expect(await inspector.usedBytes(ann.id)).toBe(50 * MIB);
  expect((await vitalsOf(server.pid)).memory - before.memory).toBeLessThan(256 * MIB);
});

test('a session that ends while its upload runs does not harm the process', async () => {
  const connection = await begin(BODY.length, BODY.subarray(0, MIB));
  await registered();
  const query = 'mutation ($p: String!) { deleteAccount(password: $p) }';
  expect((await gql(server.origin, query, { p: ann.password }, ann.token)).errors).toEqual([]);
  connection.socket.write(BODY.subarray(MIB));
  await connection.answer();
  expect((await inspector.settled()).filter((problem) => !problem.includes('claims'))).toEqual([]);
});

test('an upload whose input is not valid is answered before its file is read', async () => {
  const query = UPLOAD_FILE.replace('input: $input', 'input: { sha256: "x" }').replace(
    ', $input: UploadFileInput',
    '',
  );
  const fields = operationParts(query, { file: null }, { 0: ['variables.file'] });
  const sent = multipart([...fields, { name: '0', filename: 'a.bin', content: 'x' }]).subarray(0, -40);
  const connection = await begin(50 * MIB, sent);
  expect((await connection.answer(1_000)).errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
  connection.vanish();
});
