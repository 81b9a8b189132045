import { createHash, randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Account, gql, pause, register, send, upload } from '../../support/client.ts';
import { DirectClient, sendPart } from '../../support/direct-upload.ts';
import { Inspector } from '../../support/leftovers.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const MIB = 1024 * 1024;
const PART = 5 * MIB;
const APP = 'https://app.example.org';

let server: RunningServer;
let inspector: Inspector;
let ann: Account;
let client: DirectClient;

const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');
const codes = (answer: { errors: readonly { extensions: { code: string } }[] }) =>
  answer.errors.map(({ extensions }) => extensions.code);

beforeAll(async () => {
  server = await startServer({
    MAX_FILE_SIZE: String(16 * MIB),
    DIRECT_PART_SIZE: String(PART),
    BLOCKED_MIME_TYPES: 'image/gif',
    SWEEP_INTERVAL_SECONDS: '1',
    CORS_ORIGIN: APP,
  });
  inspector = await Inspector.of(server);
});
afterAll(async () => {
  await inspector.close();
  await server.stop();
});
beforeEach(async () => {
  ann = await register(server.origin);
  client = new DirectClient(server.origin, ann.token);
});
afterEach(async () => {
  expect(await inspector.settled()).toEqual([]);
});

const files = () => inspector.connection.collection('files');
const expireTickets = () =>
  files().updateMany(
    { direct: { $exists: true } },
    { $set: { 'direct.expiresAt': new Date(1), heartbeatAt: new Date(1) } },
  );

test.each([0, 1, PART, PART + 1, 12 * MIB + 17])('%i bytes arrive whole', async (size) => {
  const content = randomBytes(size);
  const ticket = await client.sent(content, { originalName: 'a.bin' });
  expect(ticket.parts).toHaveLength(Math.max(1, Math.ceil(size / PART)));
  expect(ticket.url).toBe(ticket.parts.length === 1 ? ticket.parts[0]?.url : null);
  const { data } = await client.complete(
    ticket.id,
    ticket.parts.map(({ number }) => number),
  );
  expect(data?.completeUpload).toMatchObject({
    id: ticket.id,
    fileSize: size,
    fileHash: sha256(content),
    uploadStatus: 'COMPLETED',
  });
  const download = await fetch(`${server.origin}/files/${ticket.id}/content`, {
    headers: { authorization: `Bearer ${ann.token}` },
  });
  expect(Buffer.from(await download.arrayBuffer()).equals(content)).toBe(true);
});

test('a type that is refused by its name alone is refused before anything is sent', async () => {
  expect(codes(await client.ask({ fileSize: 5, mimeType: 'image/gif' }))).toEqual(['UNSUPPORTED_MEDIA_TYPE']);
});

test.each([
  ['a size below zero', { fileSize: -1 }],
  ['a size that is no whole number', { fileSize: 1.5 }],
  ['a name of 10,000 characters', { fileSize: 1, originalName: 'x'.repeat(10_000) }],
])('no ticket is given for %s', async (_what, input) => {
  expect(codes(await client.ask(input))).toEqual(['BAD_USER_INPUT']);
});

test('open tickets count against the quota, and a cancelled one gives its bytes back', async () => {
  await inspector.setQuota(ann.id, 10_000);
  const { id } = await client.ticket({ fileSize: 6_000 });
  expect(codes(await client.ask({ fileSize: 6_000 }))).toEqual(['QUOTA_EXCEEDED']);
  expect(codes(await upload(server.origin, ann.token, { content: Buffer.alloc(6_000) }))).toEqual([
    'QUOTA_EXCEEDED',
  ]);
  expect((await client.cancel(id)).data).toEqual({ cancelUpload: true });
  expect(await inspector.usedBytes(ann.id)).toBe(0);
  expect(codes(await client.complete(id))).toEqual(['NOT_FOUND']);
  expect(codes(await client.cancel(id))).toEqual(['NOT_FOUND']);
});

test('a ticket is nobody else’s, and nobody meets it as a file', async () => {
  const content = Buffer.from('hello');
  const { id } = await client.sent(content);
  const eve = await register(server.origin);
  const hers = new DirectClient(server.origin, eve.token);
  expect(codes(await hers.complete(id))).toEqual(['NOT_FOUND']);
  expect(codes(await hers.cancel(id))).toEqual(['NOT_FOUND']);
  expect(codes(await new DirectClient(server.origin, '').complete(id))).toEqual(['UNAUTHENTICATED']);
  for (const { token } of [ann, eve]) {
    const query = 'query ($id: ID!) { file(id: $id) { id } files { totalCount } }';
    const { data } = await gql<{ files: { totalCount: number } }>(server.origin, query, { id }, token);
    expect(data).toMatchObject({ file: null, files: { totalCount: 0 } });
    const headers = { authorization: `Bearer ${token}` };
    const download = await send(server.origin, { method: 'GET', path: `/files/${id}/content`, headers });
    expect(download.status).toBe(404);
  }
  expect((await client.complete(id)).data?.completeUpload.fileHash).toBe(sha256(content));
});

test('a part that is missing or misnumbered is named, and the ticket stays open', async () => {
  const content = randomBytes(PART + 10);
  const ticket = await client.ticket({ fileSize: content.length });
  await client.send({ ...ticket, parts: ticket.parts.slice(0, 1) }, content);
  const missing = await client.complete(ticket.id);
  expect(codes(missing)).toEqual(['BAD_USER_INPUT']);
  expect(missing.errors[0]?.message).toContain('part 2');
  await client.send(ticket, content);
  for (const numbers of [[], [1], [1, 1], [1, 2, 2], [1, 2, 3], [0, 1]]) {
    expect(codes(await client.complete(ticket.id, numbers))).toEqual(['BAD_USER_INPUT']);
  }
  expect((await client.complete(ticket.id, [2, 1])).data?.completeUpload.fileHash).toBe(sha256(content));
});

test('what is sent after the upload was completed changes nothing', async () => {
  const content = Buffer.from('hello');
  const ticket = await client.sent(content);
  await client.complete(ticket.id);
  expect(await sendPart(`${ticket.url}`, 'hullo')).toMatchObject({ status: 404, code: 'NOT_FOUND' });
  const again = await client.complete(ticket.id);
  expect(again.data?.completeUpload).toMatchObject({ id: ticket.id, fileHash: sha256(content) });
  expect(codes(await client.cancel(ticket.id))).toEqual(['CONFLICT']);
});

test('a part that is sent again replaces the first', async () => {
  const ticket = await client.sent(Buffer.from('hello'));
  await client.send(ticket, Buffer.from('hullo'));
  expect((await client.complete(ticket.id)).data?.completeUpload.fileHash).toBe(sha256('hullo'));
});

test('fifty completions at once make one file', async () => {
  const content = randomBytes(12 * MIB);
  const { id } = await client.sent(content);
  const answers = await Promise.all(Array.from({ length: 50 }, () => client.complete(id)));
  const completed = answers.flatMap(({ data }) => (data ? [data.completeUpload.id] : []));
  expect(completed.length).toBeGreaterThan(0);
  expect(new Set(completed)).toEqual(new Set([id]));
  expect(new Set(answers.flatMap(codes))).toEqual(new Set(['CONFLICT']));
  expect(await inspector.settled()).toEqual([]);
  expect(await inspector.usedBytes(ann.id)).toBe(content.length);
});

test('a client that vanishes while its upload is completed finds the file later', async () => {
  const content = randomBytes(15 * MIB);
  const { id } = await client.sent(content);
  const connection = await RawConnection.open(server.origin);
  const query = JSON.stringify({ query: `mutation { completeUpload(id: "${id}") { id } }` });
  connection.begin({
    'content-type': 'application/json',
    'content-length': `${query.length}`,
    authorization: `Bearer ${ann.token}`,
  });
  connection.socket.write(query);
  while ((await files().findOne({ uploadStatus: 'PENDING' })) !== null) await pause(1);
  connection.vanish();
  let answer = await client.complete(id);
  for (let i = 0; codes(answer)[0] === 'CONFLICT' && i < 200; i += 1) {
    await pause(25);
    answer = await client.complete(id);
  }
  expect(answer.data?.completeUpload.fileHash).toBe(sha256(content));
});

test('a ticket that has expired is gone with all that was sent', async () => {
  const { id, url } = await client.sent(Buffer.from('hello'));
  await expireTickets();
  expect(['GONE', 'NOT_FOUND']).toContain(codes(await client.complete(id))[0]);
  expect(await inspector.settled()).toEqual([]);
  expect((await sendPart(`${url}`, 'hello')).status).toBe(404);
  expect(await inspector.usedBytes(ann.id)).toBe(0);
});

test('a server that is killed while it completes an upload leaves nothing that its successor does not tidy', async () => {
  const own = await startServer({ DIRECT_PART_SIZE: String(PART), SWEEP_INTERVAL_SECONDS: '1' });
  const its = await Inspector.of(own);
  const bob = await register(own.origin);
  const hisClient = new DirectClient(own.origin, bob.token);
  const { id } = await hisClient.sent(randomBytes(60 * MIB));
  const answer = hisClient.complete(id).catch(() => undefined);
  const uploads = its.connection.collection('files');
  while (!(await uploads.findOne({ uploadStatus: 'UPLOADING' }))) await pause(1);
  await own.kill();
  await answer;
  expect(await uploads.countDocuments({ uploadStatus: 'UPLOADING' })).toBe(1);
  await uploads.updateMany({}, { $set: { heartbeatAt: new Date(1) } });
  const { DATA_PATH, MONGODB_URI, UPLOAD_PATH } = own.env;
  const successor = await startServer({ DATA_PATH, MONGODB_URI, UPLOAD_PATH, SWEEP_INTERVAL_SECONDS: '1' });
  // The interrupted write itself may still be young; only its age keeps it.
  const left = async () => (await its.problems()).filter((problem) => !problem.includes('temp files'));
  for (let i = 0; (await left()).length > 0 && i < 200; i += 1) await pause(50);
  expect(await left()).toEqual([]);
  expect(await its.usedBytes(bob.id)).toBe(0);
  await successor.stop();
  await its.close();
  await own.stop();
});

test('a page of an allowed origin may send a part, and a page of another may not', async () => {
  const { url } = await client.ticket({ fileSize: 5 });
  const asked = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'content-type' };
  const ask = (origin: string) =>
    send(server.origin, {
      method: 'OPTIONS',
      path: `${url}`.slice(server.origin.length),
      headers: { origin, ...asked },
    });
  const { status, headers } = await ask(APP);
  expect(status).toBe(204);
  expect(headers['access-control-allow-origin']).toBe(APP);
  expect(headers['access-control-allow-methods']).toContain('PUT');
  expect(headers['access-control-allow-headers']).toContain('content-type');
  expect((await ask('https://evil.example.org')).headers['access-control-allow-origin']).not.toBe(
    'https://evil.example.org',
  );
  const sent = await sendPart(`${url}`, 'hello', { headers: { origin: APP } });
  expect(sent).toMatchObject({ status: 204, headers: { 'access-control-allow-origin': APP } });
  const long = await sendPart(`${url}`, 'hello!', { headers: { origin: APP } });
  expect(long).toMatchObject({ status: 413, headers: { 'access-control-allow-origin': APP } });
  await expireTickets();
});
