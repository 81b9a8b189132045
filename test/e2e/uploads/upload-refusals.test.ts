import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  type Account,
  BOUNDARY,
  gql,
  operationParts,
  partHead,
  pause,
  register,
  UPLOAD_FILE,
  UPLOAD_FILES,
  uploadHeaders,
} from '../../support/client.ts';
import { Inspector } from '../../support/leftovers.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const MIB = 1024 * 1024;
const MAX_FILE_SIZE = 8 * MIB;
const SECRET = 'a secret of the tests with at least 32 characters';
// What is read of a refused body is bounded; the kernels on both sides hold some more of it.
const BOUNDED = 24 * MIB;
const HUGE = 256 * MIB;
const CHUNK = Buffer.alloc(64 * 1024, 'x');

let server: RunningServer;
let inspector: Inspector;
let ann: Account;

beforeAll(async () => {
  server = await startServer({ MAX_FILE_SIZE: String(MAX_FILE_SIZE), JWT_SECRET: SECRET });
  inspector = await Inspector.of(server);
  ann = await register(server.origin);
});
afterAll(async () => {
  await inspector.close();
  await server.stop();
});

afterEach(async () => {
  const { data } = await gql<{ me: { id: string } }>(server.origin, '{ me { id } }', {}, ann.token);
  expect(data?.me.id).toBe(ann.id);
  expect(await inspector.settled()).toEqual([]);
  await inspector.setQuota(ann.id, null);
});

/** An access token as the server makes them, with other claims. */
function forged(changes: object, secret = SECRET, header: object = { alg: 'HS256', typ: 'JWT' }): string {
  const payload = JSON.parse(Buffer.from(ann.token.split('.')[1] ?? '', 'base64url').toString());
  const encoded = [header, { ...payload, ...changes }].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  );
  return [...encoded, createHmac('sha256', secret).update(encoded.join('.')).digest('base64url')].join('.');
}

const HOUR_AGO = Math.floor(Date.now() / 1000) - 3_600;
const headers = (changes: Record<string, string | undefined> = {}, length = HUGE) => {
  const all = { ...uploadHeaders(ann.token), 'content-length': String(length), ...changes };
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
};

test.each<[string, number, string, () => Record<string, string>]>([
  ['no preflight header', 400, 'BAD_USER_INPUT', () => headers({ 'apollo-require-preflight': undefined })],
  ['no token', 401, 'UNAUTHENTICATED', () => headers({ authorization: undefined })],
  ['another scheme', 401, 'UNAUTHENTICATED', () => headers({ authorization: 'Basic YTpi' })],
  ['a garbled token', 401, 'UNAUTHENTICATED', () => headers({ authorization: 'Bearer x.y.z' })],
  [
    'an expired token',
    401,
    'UNAUTHENTICATED',
    () => headers({ authorization: `Bearer ${forged({ exp: HOUR_AGO })}` }),
  ],
  [
    'a token of another secret',
    401,
    'UNAUTHENTICATED',
    () => headers({ authorization: `Bearer ${forged({}, 'x'.repeat(40))}` }),
  ],
  [
    'a token without a signature',
    401,
    'UNAUTHENTICATED',
    () => headers({ authorization: `Bearer ${forged({}, SECRET, { alg: 'none' })}` }),
  ],
  ['more bytes than any request may have', 413, 'PAYLOAD_TOO_LARGE', () => headers()],
])('refused by its headers: %s', async (_what, status, code, head) => {
  const connection = await RawConnection.open(server.origin);
  connection.begin(head());
  connection.socket.write(`--${BOUNDARY}\r\n`);
  const answer = await connection.answer(1_000);
  expect([answer.status, answer.errors[0]?.extensions.code]).toEqual([status, code]);
  expect(connection.received).toMatch(/^connection: close\r$/im);
  expect(await connection.flood(CHUNK, HUGE)).toBeLessThan(BOUNDED);
  await connection.ended();
});

test('the test’s own tokens are good ones where nothing is changed', async () => {
  const { data } = await gql<{ me: { id: string } }>(server.origin, '{ me { id } }', {}, forged({}));
  expect(data?.me.id).toBe(ann.id);
});

test('the error for a missing preflight header says what to send', async () => {
  const connection = await RawConnection.open(server.origin);
  connection.begin(headers({ 'apollo-require-preflight': undefined }));
  expect((await connection.answer()).text).toContain('apollo-require-preflight');
});

test('a quota that cannot hold the request refuses it by its headers', async () => {
  await inspector.setQuota(ann.id, 2 * MIB);
  const connection = await RawConnection.open(server.origin);
  connection.begin(headers({}, 20 * MIB));
  const answer = await connection.answer(1_000);
  expect([answer.status, answer.errors[0]?.extensions.code]).toEqual([507, 'QUOTA_EXCEEDED']);
  await connection.flood(CHUNK, HUGE);
  await connection.ended();
});

test('a client that asks first hears 401 and never 100', async () => {
  const connection = await RawConnection.open(server.origin);
  connection.begin(headers({ authorization: undefined, expect: '100-continue' }));
  expect((await connection.answer(1_000)).status).toBe(401);
  expect(connection.received).not.toMatch(/^HTTP\/1.1 100/);
  await connection.ended();
});

test('a client that asks first and may go on hears 100', async () => {
  const connection = await RawConnection.open(server.origin);
  connection.begin(headers({ expect: '100-continue' }, MIB));
  await pause(200);
  expect(connection.received).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  connection.vanish();
});

test('a request that is refused and then says nothing is cut all the same', async () => {
  const connection = await RawConnection.open(server.origin);
  connection.begin(headers({ authorization: undefined }));
  expect((await connection.answer(1_000)).status).toBe(401);
  await connection.ended(4_000);
});

const begun = (query: string, variables: object, map: object) => [
  ...operationParts(query, variables, map).map((part) =>
    Buffer.concat([partHead(part), Buffer.from(`${part.content}\r\n`)]),
  ),
  partHead({ name: '0', filename: 'big.bin' }),
];

/** Sends an endless chunked body until the server ends it. */
async function endless(head: readonly Buffer[]) {
  const connection = await RawConnection.open(server.origin);
  connection.begin(headers({ 'content-length': undefined, 'transfer-encoding': 'chunked' }));
  for (const bytes of head) connection.chunk(bytes);
  const framed = Buffer.concat([Buffer.from(`${CHUNK.length.toString(16)}\r\n`), CHUNK, Buffer.from('\r\n')]);
  const sent = await connection.flood(framed, HUGE);
  return { sent, received: connection.received };
}

test('a file that passes the limit on its way fails at once, and nothing of it is left', async () => {
  const { sent, received } = await endless(begun(UPLOAD_FILE, { file: null }, { 0: ['variables.file'] }));
  expect(received).toContain('"code":"PAYLOAD_TOO_LARGE"');
  expect(sent).toBeLessThan(MAX_FILE_SIZE + BOUNDED);
});

test('a file that passes the quota on its way fails at once, and nothing of it is left', async () => {
  await inspector.setQuota(ann.id, 3 * MIB);
  const { sent, received } = await endless(begun(UPLOAD_FILE, { file: null }, { 0: ['variables.file'] }));
  expect(received).toContain('"code":"QUOTA_EXCEEDED"');
  expect(sent).toBeLessThan(BOUNDED);
});

test.each([
  ['before its first part', []],
  ['in its operations', [partHead({ name: 'operations' })]],
  ['in a part that nobody named', begun(UPLOAD_FILE, { file: null }, { 7: ['variables.file'] })],
  [
    'in the first of two files',
    begun(UPLOAD_FILES, { files: [null, null] }, { 0: ['variables.files.0'], 1: ['variables.files.1'] }),
  ],
])('an endless body is ended too when it does not end %s', async (_what, head) => {
  const { sent, received } = await endless(head);
  expect(received).toMatch(/"code":"(PAYLOAD_TOO_LARGE|BAD_USER_INPUT)"/);
  expect(sent).toBeLessThan(2 * MAX_FILE_SIZE + BOUNDED);
});

test('a known length that one file cannot have is refused before the file is read', async () => {
  const connection = await RawConnection.open(server.origin);
  connection.begin(headers({}, 2 * MAX_FILE_SIZE));
  for (const bytes of begun(UPLOAD_FILE, { file: null }, { 0: ['variables.file'] }))
    connection.socket.write(bytes);
  expect((await connection.answer(1_000)).errors[0]?.extensions.code).toBe('PAYLOAD_TOO_LARGE');
});
