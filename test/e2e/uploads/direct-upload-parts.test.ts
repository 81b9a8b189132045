import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Account, gql, pause, register } from '../../support/client.ts';
import { DirectClient, sendPart, type Ticket } from '../../support/direct-upload.ts';
import { Inspector, vitalsOf } from '../../support/leftovers.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const MIB = 1024 * 1024;
const PART = 5 * MIB;
const HUGE = 256 * MIB;
// What is read of a refused body is bounded; the kernels on both sides hold some more of it.
const BOUNDED = 24 * MIB;
const CHUNK = Buffer.alloc(64 * 1024, 'x');
const IDLE_SECONDS = 5;
const SECRET = 'a secret of the tests with at least 32 characters';

let server: RunningServer;
let inspector: Inspector;
let ann: Account;
let client: DirectClient;

beforeAll(async () => {
  server = await startServer({
    DIRECT_PART_SIZE: String(PART),
    UPLOAD_IDLE_SECONDS: String(IDLE_SECONDS),
    JWT_SECRET: SECRET,
  });
  inspector = await Inspector.of(server);
  ann = await register(server.origin);
  client = new DirectClient(server.origin, ann.token);
});
afterAll(async () => {
  await inspector.close();
  await server.stop();
});

// Whatever a request was, the process lives and cancelling the ticket leaves nothing of it.
afterEach(async () => {
  const { files } = await inspector.holdings();
  for (const { _id, uploadStatus } of files) if (uploadStatus === 'PENDING') await client.cancel(`${_id}`);
  const { data } = await gql<{ me: { id: string } }>(server.origin, '{ me { id } }', {}, ann.token);
  expect(data?.me.id).toBe(ann.id);
  expect(await inspector.settled()).toEqual([]);
});

/** How many objects lie in the store that are no blobs. */
const incoming = async () => {
  const { keys, blobs } = await inspector.holdings();
  return keys.length - blobs.length;
};
const pathOf = (url: string) => url.slice(server.origin.length);
const part = async (size: number): Promise<{ ticket: Ticket; url: string }> => {
  const ticket = await client.ticket({ fileSize: size });
  return { ticket, url: `${ticket.parts[0]?.url}` };
};
const changed = (url: string, change: (address: URL) => void) => {
  const address = new URL(url);
  change(address);
  return address.href;
};
const last = (text: string) => text.slice(0, -1) + (text.endsWith('A') ? 'E' : 'A');

/** An address as the server signs them. */
function signed(id: string, number: string, expires: number): string {
  const key = Buffer.from(hkdfSync('sha256', SECRET, '', 'part links', 32));
  const signature = createHmac('sha256', key).update(`${id}\n${number}\n${expires}`).digest('base64url');
  return `${server.origin}/uploads/${id}/parts/${number}?expires=${expires}&signature=${signature}`;
}
const SOON = Math.floor(Date.now() / 1000) + 600;

test.each<[string, (url: string, ticket: Ticket) => string, number, string]>([
  [
    'a tampered signature',
    (url) => changed(url, ({ searchParams: q }) => q.set('signature', last(`${q.get('signature')}`))),
    403,
    'FORBIDDEN',
  ],
  ['no signature', (url) => changed(url, ({ searchParams: q }) => q.delete('signature')), 403, 'FORBIDDEN'],
  ['two signatures', (url) => `${url}&signature=x`, 403, 'FORBIDDEN'],
  [
    'a later expiry',
    (url) => changed(url, ({ searchParams: q }) => q.set('expires', `${SOON * 2}`)),
    403,
    'FORBIDDEN',
  ],
  ['the number of another part', (url) => url.replace('/parts/1', '/parts/2'), 403, 'FORBIDDEN'],
  ['another form of the number', (url) => url.replace('/parts/1', '/parts/01'), 403, 'FORBIDDEN'],
  ['another ticket', (url, { id }) => url.replace(id, '0'.repeat(24)), 403, 'FORBIDDEN'],
  ['a time that is over', (_url, { id }) => signed(id, '1', 1_000_000), 410, 'GONE'],
  ['a part that the ticket has not', (_url, { id }) => signed(id, '3', SOON), 404, 'NOT_FOUND'],
  ['a part that is no number', (_url, { id }) => signed(id, 'keys', SOON), 404, 'NOT_FOUND'],
  ['a ticket that is none', () => signed('0'.repeat(24), '1', SOON), 404, 'NOT_FOUND'],
  ['a ticket that could be none', () => signed('x', '1', SOON), 404, 'NOT_FOUND'],
])('an address with %s is refused before its body is read', async (_what, change, status, code) => {
  const { ticket, url } = await part(PART + 1);
  const connection = await RawConnection.open(server.origin);
  connection.begin({ 'content-length': `${HUGE}` }, `PUT ${pathOf(change(url, ticket))}`);
  const answer = await connection.answer(1_000);
  expect([answer.status, /"code":"(\w+)"/.exec(answer.text)?.[1]]).toEqual([status, code]);
  expect(connection.received).toMatch(/^connection: close\r$/im);
  expect(await connection.flood(CHUNK, HUGE)).toBeLessThan(BOUNDED);
  await connection.ended();
  expect(await incoming()).toBe(0);
});

test('the test’s own addresses are good ones where nothing is changed', async () => {
  const { id } = await client.ticket({ fileSize: 1 });
  expect((await sendPart(signed(id, '1', SOON), 'x')).status).toBe(204);
});

test.each([
  ['one byte more than the part', PART + 1, 413, 'PAYLOAD_TOO_LARGE'],
  ['much more than the part', HUGE, 413, 'PAYLOAD_TOO_LARGE'],
  ['one byte less than the part', PART - 1, 400, 'BAD_USER_INPUT'],
  ['nothing', 0, 400, 'BAD_USER_INPUT'],
])('a body of %s is refused by its length', async (_what, length, status, code) => {
  const { url } = await part(PART);
  const connection = await RawConnection.open(server.origin);
  connection.begin({ 'content-length': `${length}` }, `PUT ${pathOf(url)}`);
  const answer = await connection.answer(1_000);
  expect([answer.status, /"code":"(\w+)"/.exec(answer.text)?.[1]]).toEqual([status, code]);
  if (length > 0) expect(await connection.flood(CHUNK, HUGE)).toBeLessThan(BOUNDED);
  await connection.ended();
});

test('a body whose length is not told is refused with 411', async () => {
  const { url } = await part(100);
  const answer = await sendPart(url, 'x'.repeat(100), { headers: { 'transfer-encoding': 'chunked' } });
  expect(answer).toMatchObject({ status: 411, code: 'BAD_USER_INPUT', headers: { connection: 'close' } });
  expect(await incoming()).toBe(0);
});

test('bytes beyond the length that was told spoil their connection, and never the part', async () => {
  const { ticket, url } = await part(5);
  for (let round = 0; round < 10; round += 1) {
    const connection = await RawConnection.open(server.origin);
    connection.begin({ 'content-length': '5' }, `PUT ${pathOf(url)}`);
    connection.socket.write('hello and more');
    await connection.ended();
    expect(connection.received).toMatch(/^HTTP\/1.1 (204|400) /);
  }
  await client.send(ticket, Buffer.from('hello'));
  expect((await client.complete(ticket.id)).data?.completeUpload.fileSize).toBe(5);
});

test('an empty file has one empty part, and a part without a type or of any type is taken', async () => {
  for (const type of [undefined, 'multipart/form-data; boundary=x', 'application/json', 'image/png']) {
    const { ticket, url } = await part(type ? 3 : 0);
    const headers = { ...(type && { 'content-type': type }) };
    expect(await sendPart(url, type ? 'abc' : '', { headers })).toMatchObject({ status: 204, text: '' });
    expect((await client.complete(ticket.id)).errors).toEqual([]);
  }
});

/** Begins a part and sends only some of it. */
async function begun(url: string, length: number, bytes: Buffer): Promise<RawConnection> {
  const connection = await RawConnection.open(server.origin);
  connection.begin({ 'content-length': `${length}` }, `PUT ${pathOf(url)}`);
  connection.socket.write(bytes);
  return connection;
}
const writing = async () => {
  for (let i = 0; i < 500 && (await inspector.holdings()).tempFiles.length === 0; i += 1) await pause(5);
};

test('a client that vanishes in the middle of a part leaves nothing, and may send it again', async () => {
  const { ticket, url } = await part(PART);
  const content = randomBytes(PART);
  const before = await vitalsOf(server.pid);
  for (let round = 0; round < 20; round += 1) {
    const connection = await begun(url, PART, content.subarray(0, MIB));
    await writing();
    connection.vanish();
  }
  for (let i = 0; i < 200 && (await inspector.holdings()).tempFiles.length > 0; i += 1) await pause(25);
  expect((await inspector.holdings()).tempFiles).toEqual([]);
  expect(await incoming()).toBe(0);
  expect((await vitalsOf(server.pid)).files).toBeLessThanOrEqual(before.files + 1);
  await client.send(ticket, content);
  expect((await client.complete(ticket.id)).data?.completeUpload.fileSize).toBe(PART);
});

test('a part that is sent again while a first try hangs takes its place at once', async () => {
  const { ticket, url } = await part(PART);
  const hanging = await begun(url, PART, CHUNK);
  await writing();
  const tries = await Promise.all(Array.from({ length: 5 }, () => sendPart(url, Buffer.alloc(PART, 'y'))));
  expect(tries.map(({ status }) => status)).toContain(204);
  expect(tries.filter(({ status }) => status !== 204 && status !== 409)).toEqual([]);
  expect((await hanging.answer()).status).toBe(409);
  expect((await client.complete(ticket.id)).data?.completeUpload.fileSize).toBe(PART);
});

test('a store that fails is told of, and the part may be sent again', async () => {
  const { ticket, url } = await part(PART);
  const [temp, away] = ['tmp', 'away'].map((name) => join(server.dataPath, 'blobs', name)) as [
    string,
    string,
  ];
  await rename(temp, away);
  const refused = await sendPart(url, randomBytes(PART));
  await rename(away, temp);
  expect(refused).toMatchObject({ status: 503, code: 'STORAGE_UNAVAILABLE' });
  await client.send(ticket, randomBytes(PART));
  expect((await client.complete(ticket.id)).errors).toEqual([]);
});

test('a client that falls silent in the middle of a part is cut off', async () => {
  const { url } = await part(PART);
  const connection = await begun(url, PART, CHUNK);
  await connection.ended((IDLE_SECONDS + 4) * 1_000);
  expect(await incoming()).toBe(0);
});

test('a part that arrives after its ticket was cancelled is not kept', async () => {
  const { ticket, url } = await part(PART);
  const content = randomBytes(PART);
  const connection = await begun(url, PART, content.subarray(0, MIB));
  await writing();
  expect((await client.cancel(ticket.id)).data?.cancelUpload).toBe(true);
  connection.socket.write(content.subarray(MIB));
  expect((await connection.answer()).status).toBe(404);
  expect(await incoming()).toBe(0);
});

test('a client that asks first hears a refusal, or that it may go on', async () => {
  const { url } = await part(MIB);
  const refused = await RawConnection.open(server.origin);
  refused.begin({ 'content-length': `${HUGE}`, expect: '100-continue' }, `PUT ${pathOf(url)}`);
  expect((await refused.answer(1_000)).status).toBe(413);
  expect(refused.received).not.toMatch(/^HTTP\/1.1 100/);
  const admitted = await RawConnection.open(server.origin);
  admitted.begin({ 'content-length': `${MIB}`, expect: '100-continue' }, `PUT ${pathOf(url)}`);
  await pause(200);
  expect(admitted.received).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  admitted.vanish();
});

test('no other method and no bearer opens what was sent', async () => {
  const { ticket, url } = await part(5);
  await client.send(ticket, Buffer.from('hello'));
  for (const method of ['GET', 'POST', 'DELETE']) {
    expect(
      (await sendPart(url, '', { method, headers: { authorization: `Bearer ${ann.token}` } })).status,
    ).toBe(404);
  }
});
