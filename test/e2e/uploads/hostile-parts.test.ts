import mongoose from 'mongoose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Account, gql, pause, register } from '../../support/client.ts';
import { DirectClient, sendPart, type Ticket } from '../../support/direct-upload.ts';
import { Inspector } from '../../support/leftovers.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const MIB = 1024 * 1024;
const HUGE = 256 * MIB;
// What is read of a refused body is bounded; the kernels on both sides hold some more of it.
const BOUNDED = 24 * MIB;
const CHUNK = Buffer.alloc(64 * 1024, 'x');

let server: RunningServer;
let inspector: Inspector;
let ann: Account;
let client: DirectClient;

beforeAll(async () => {
  server = await startServer();
  inspector = await Inspector.of(server);
  ann = await register(server.origin);
  client = new DirectClient(server.origin, ann.token);
});
afterAll(async () => {
  await inspector.close();
  await server.stop();
});

const pathOf = ({ url }: Ticket) => `${url}`.slice(server.origin.length);
const users = () => inspector.connection.collection('users');
const errors = () => server.log().match(/a request failed/g)?.length ?? 0;

test.each(['', ';;;', 'false', 'text/plain; charset'])(
  'a part is taken whatever its type says, also %j',
  async (type) => {
    const ticket = await client.ticket({ fileSize: 5 });
    const answer = await sendPart(`${ticket.url}`, 'hello', { headers: { 'content-type': type } });
    expect(answer).toMatchObject({ status: 204, text: '' });
    expect((await client.complete(ticket.id)).data?.completeUpload.fileSize).toBe(5);
  },
);

test.each(['POST', 'DELETE', 'PATCH', 'GET'])(
  'a %s to the address of a part is refused before its body is read',
  async (method) => {
    const ticket = await client.ticket({ fileSize: 5 });
    const connection = await RawConnection.open(server.origin);
    const headers = { 'content-length': `${HUGE}`, 'content-type': 'application/octet-stream' };
    connection.begin(headers, `${method} ${pathOf(ticket)}`);
    expect((await connection.answer(1_000)).status).toBe(404);
    expect(await connection.flood(CHUNK, HUGE)).toBeLessThan(BOUNDED);
    await connection.ended();
    await client.cancel(ticket.id);
  },
);

test.each([
  ['POST /nowhere', 404],
  ['PUT /files/000000000000000000000000/content', 404],
  ['POST /metrics', 404],
])('a body that nobody wants is not read: %s', async (line, status) => {
  const connection = await RawConnection.open(server.origin);
  const headers = { 'content-length': `${HUGE}`, 'content-type': 'application/octet-stream' };
  connection.begin(headers, line);
  expect([status, 415, 400]).toContain((await connection.answer(1_000)).status);
  expect(await connection.flood(CHUNK, HUGE)).toBeLessThan(BOUNDED);
  await connection.ended();
});

test.each([
  ['chunked', { 'transfer-encoding': 'chunked' }, '5\r\nhello\r\n0\r\n\r\n'],
  ['absent', {}, ''],
])('a body of no told length, %s, is refused once, and nothing fails by it', async (_what, headers, body) => {
  const ticket = await client.ticket({ fileSize: 5 });
  const before = errors();
  const connection = await RawConnection.open(server.origin);
  connection.socket.cork();
  connection.begin({ ...headers }, `PUT ${pathOf(ticket)}`);
  connection.socket.write(body);
  connection.socket.uncork();
  expect(await connection.answer(1_000)).toMatchObject({ status: 411 });
  await connection.ended();
  expect(errors()).toBe(before);
  await client.cancel(ticket.id);
});

test('a part without a length on a connection that breaks fails nothing', async () => {
  const ticket = await client.ticket({ fileSize: 5 });
  const before = errors();
  for (const headers of [{}, { expect: '100-continue' }]) {
    const connection = await RawConnection.open(server.origin);
    connection.socket.cork();
    connection.begin({ ...headers }, `PUT ${pathOf(ticket)}`);
    connection.socket.write('hello');
    connection.socket.uncork();
    await connection.ended();
  }
  await pause(100);
  expect(errors()).toBe(before);
  await client.cancel(ticket.id);
});

test('clients that vanish are no failures of the service', async () => {
  const ticket = await client.ticket({ fileSize: MIB });
  const before = errors();
  for (let round = 0; round < 10; round += 1) {
    const connection = await RawConnection.open(server.origin);
    connection.begin({ 'content-length': `${MIB}` }, `PUT ${pathOf(ticket)}`);
    connection.socket.write(CHUNK);
    await pause(20);
    connection.vanish();
  }
  await pause(300);
  expect(errors()).toBe(before);
  await client.cancel(ticket.id);
});

test('an address works after a logout, and ends with the account', async () => {
  const bob = await register(server.origin);
  const tickets = new DirectClient(server.origin, bob.token);
  const { url } = await tickets.ticket({ fileSize: 5 });
  await gql(server.origin, 'mutation { logout }', {}, bob.token);
  expect((await sendPart(`${url}`, 'hello')).status).toBe(204);
  const _id = new mongoose.Types.ObjectId(bob.id);
  await users().updateOne({ _id }, { $set: { isActive: false } });
  expect(await sendPart(`${url}`, 'hallo')).toMatchObject({ status: 404, code: 'NOT_FOUND' });
});

test('an address ends when its account is deleted', async () => {
  const bob = await register(server.origin);
  const { url } = await new DirectClient(server.origin, bob.token).ticket({ fileSize: 5 });
  const { password } = bob;
  const remove = 'mutation ($password: String!) { deleteAccount(password: $password) }';
  expect((await gql(server.origin, remove, { password }, bob.token)).errors).toEqual([]);
  expect((await sendPart(`${url}`, 'hello')).status).toBe(404);
});

test('what a ticket became is not shown past its expiry date', async () => {
  const ticket = await client.sent(Buffer.from('hello'));
  expect((await client.complete(ticket.id)).errors).toEqual([]);
  const _id = new mongoose.Types.ObjectId(ticket.id);
  const expiryDate = new Date(Date.now() - 1_000);
  await inspector.connection.collection('files').updateOne({ _id }, { $set: { expiryDate } });
  const { errors: failures } = await client.complete(ticket.id);
  expect(failures.map(({ extensions }) => extensions.code)).toEqual(['GONE']);
});
