import { createHash, createHmac, hkdfSync } from 'node:crypto';
import { get } from 'node:http';
import mongoose from 'mongoose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { plain, setAvatar } from '../../support/avatars.ts';
import { type Account, gql, register, upload } from '../../support/client.ts';
import { codeOf } from '../../support/one-time-code.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const SECRET = 'a secret of the tests with at least 32 characters';
const EXPORT = '{ exportMyData { url expiresAt } }';

let server: RunningServer;
let database: mongoose.Connection;
let ann: Account;

beforeAll(async () => {
  server = await startServer({ JWT_SECRET: SECRET });
  database = await mongoose.createConnection(server.env.MONGODB_URI ?? '').asPromise();
  ann = await register(server.origin);
});
afterAll(async () => {
  await database.close();
  await server.stop();
});

const idOf = ({ id }: Account) => new mongoose.Types.ObjectId(id);
const ask = ({ token }: Account) =>
  gql<{ exportMyData: { url: string; expiresAt: string } }>(server.origin, EXPORT, {}, token);
const urlOf = async (account: Account) => (await ask(account)).data?.exportMyData.url ?? '';
const codeIn = async (answer: Response) => ((await answer.json()) as { error: { code: string } }).error.code;

/** An export’s address, signed as the server signs, that ends at this moment. */
function signed({ id }: Account, expires: number, secret = SECRET): string {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'exports', 32));
  const signature = createHmac('sha256', key).update(`${id}\n${expires}`).digest('base64url');
  return `${server.origin}/exports/${id}?expires=${expires}&signature=${signature}`;
}
const now = () => Math.floor(Date.now() / 1000);

/** So many documents of files, as if they had been uploaded. */
async function insertFiles(account: Account, count: number): Promise<void> {
  const one = await upload(server.origin, account.token, { content: 'x', filename: 'x.txt' });
  const [like] = await database
    .collection('files')
    .find({ _id: new mongoose.Types.ObjectId(one.data?.uploadFile.id) })
    .toArray();
  const documents = Array.from({ length: count }, (_, i) => ({
    ...like,
    _id: new mongoose.Types.ObjectId(),
    fileName: `${account.id} ${i}`,
    description: 'd'.repeat(20_000),
  }));
  await database.collection('files').insertMany(documents);
}

test('an export holds everything of the account, with addresses of its files, and no secret', async () => {
  const { token, password } = ann;
  const content = Buffer.from('what ann wrote');
  const kept = await upload(server.origin, token, { content, filename: 'kept.txt' }, { tags: ['own'] });
  const trashed = await upload(server.origin, token, { content: 'gone', filename: 'trashed.txt' });
  await gql(server.origin, `mutation { deleteFile(id: "${trashed.data?.uploadFile.id}") { id } }`, {}, token);
  await setAvatar(server.origin, ann, await plain(20, 20).png().toBuffer());
  const begin = `mutation { beginSecondFactor(password: "${password}") { secret } }`;
  const begun = await gql<{ beginSecondFactor: { secret: string } }>(server.origin, begin, {}, token);
  const secret = begun.data?.beginSecondFactor.secret ?? '';
  const confirm = `mutation { confirmSecondFactor(code: "${codeOf(secret)}") }`;
  const confirmed = await gql<{ confirmSecondFactor: string[] }>(server.origin, confirm, {}, token);
  const bob = await register(server.origin);
  await upload(server.origin, bob.token, { content: 'what bob wrote', filename: 'bobs.txt' });

  const answer = await fetch(await urlOf(ann));
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'content-disposition': expect.stringMatching(
      new RegExp(`^attachment; filename="imaginaryStorage-${ann.username}-[-0-9]{10}\\.json"$`),
    ),
    'cache-control': 'private, no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "sandbox; default-src 'none'",
  });
  const text = await answer.text();
  const held = JSON.parse(text);
  expect(held.account).toMatchObject({
    id: ann.id,
    username: ann.username,
    email: `${ann.username}@example.org`,
    role: 'USER',
    usage: { usedBytes: content.length + 4, quotaBytes: null },
    avatarUrl: expect.stringContaining(`/avatars/${ann.id}/`),
    secondFactor: { recoveryCodesLeft: 10 },
  });
  expect(held.sessions).toEqual([expect.objectContaining({ ip: '127.0.0.1', revokedAt: null })]);
  expect(held.events.map(({ action }: { action: string }) => action)).toEqual(
    expect.arrayContaining(['REGISTERED', 'SECOND_FACTOR_ENABLED']),
  );
  expect(held.files.map(({ originalName }: { originalName: string }) => originalName)).toEqual([
    'kept.txt',
    'trashed.txt',
  ]);
  expect(held.files[0]).toMatchObject({ id: kept.data?.uploadFile.id, tags: ['own'], isDeleted: false });
  expect(held.files[1]).toMatchObject({ isDeleted: true, downloadUrl: null });
  expect(held.isComplete).toBe(true);

  const fetched = Buffer.from(await (await fetch(held.files[0].downloadUrl)).arrayBuffer());
  expect(createHash('sha256').update(fetched).digest('hex')).toBe(held.files[0].fileHash);

  const stored = await database.collection('users').findOne({ _id: idOf(ann) });
  const [session] = await database
    .collection('sessions')
    .find({ userId: idOf(ann) })
    .toArray();
  const { password: hash, secondFactor } = stored as mongoose.mongo.Document;
  const secrets = [
    hash,
    secondFactor.secret,
    ...secondFactor.recoveryCodes,
    session?.tokenHash,
    session?.family,
  ];
  for (const hidden of [
    ...secrets,
    secret,
    ...(confirmed.data?.confirmSecondFactor ?? []),
    token,
    password,
  ]) {
    expect(hidden).toBeTruthy();
    expect(text).not.toContain(hidden);
  }
  for (const foreign of ['bobs.txt', bob.username, bob.id]) expect(text).not.toContain(foreign);
});

test('where a stranger came from who fetched a public file is not the owner’s to know', async () => {
  const subjectId = idOf(ann);
  const stranger = { action: 'FILE_DOWNLOADED', outcome: 'DONE', subjectId, ip: '203.0.113.9' };
  const events = database.collection('auditevents');
  await events.insertMany([
    { ...stranger, actorId: null, userAgent: 'stranger/1', createdAt: new Date() },
    { ...stranger, actorId: new mongoose.Types.ObjectId(), userAgent: 'stranger/2', createdAt: new Date() },
    { action: 'LOGIN_FAILED', outcome: 'REFUSED', subjectId, ip: '198.51.100.1', createdAt: new Date() },
  ]);
  const text = await (await fetch(await urlOf(ann))).text();
  expect(text).toContain('FILE_DOWNLOADED');
  expect(text).not.toContain('203.0.113.9');
  expect(text).not.toContain('stranger/');
  expect(text).toContain('198.51.100.1');
});

test('its address is for one account and ten minutes, and nobody can make one', async () => {
  const bob = await register(server.origin);
  const { data } = await ask(bob);
  const { url = '', expiresAt = '' } = data?.exportMyData ?? {};
  const lives = new Date(expiresAt).getTime() - Date.now();
  expect(lives).toBeGreaterThan(590_000);
  expect(lives).toBeLessThanOrEqual(600_000);
  expect((await fetch(signed(bob, now() + 60))).status).toBe(200);

  const refused: [string, number, string][] = [
    [url.replace(bob.id, ann.id), 403, 'FORBIDDEN'],
    [url.replace(/expires=\d/, 'expires=9'), 403, 'FORBIDDEN'],
    [url.slice(0, -1), 403, 'FORBIDDEN'],
    [`${url}&signature=x`, 403, 'FORBIDDEN'],
    [`${url}&expires=9999999999`, 403, 'FORBIDDEN'],
    [url.split('?')[0] ?? '', 403, 'FORBIDDEN'],
    [signed(bob, now() + 60, 'another secret of the tests, long enough'), 403, 'FORBIDDEN'],
    [signed(bob, now() - 1), 410, 'GONE'],
    [signed({ ...bob, id: '64b000000000000000000001' }, now() + 60), 404, 'NOT_FOUND'],
    [signed({ ...bob, id: 'nobody' }, now() + 60), 403, 'FORBIDDEN'],
  ];
  for (const [address, status, code] of refused) {
    const answer = await fetch(address);
    expect([address, answer.status, await codeIn(answer)]).toEqual([address, status, code]);
  }
  expect((await fetch(url, { method: 'HEAD' })).status).toBe(404);
});

test('it ends with the account', async () => {
  const bob = await register(server.origin);
  const url = await urlOf(bob);
  await database.collection('users').updateOne({ _id: idOf(bob) }, { $set: { isActive: false } });
  expect((await fetch(url)).status).toBe(404);
});

test('each export is noted in the trail, and there are only so many an hour', async () => {
  const bob = await register(server.origin);
  const url = await urlOf(bob);
  await (await fetch(url)).text();
  const exported = { action: 'DATA_EXPORTED', subjectId: idOf(bob), actorId: idOf(bob) };
  expect(await database.collection('auditevents').countDocuments(exported)).toBe(1);
  for (let i = 1; i < 10; i += 1) expect((await ask(bob)).errors).toEqual([]);
  expect((await ask(bob)).errors[0]?.extensions.code).toBe('RATE_LIMITED');
  expect((await gql(server.origin, EXPORT)).errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
});

test('an export that its client left at once can be fetched again', async () => {
  const bob = await register(server.origin);
  const { pathname, search } = new URL(await urlOf(bob));
  for (const wait of [0, 1, 2, 4, 8, 16]) {
    const { socket, ...connection } = await RawConnection.open(server.origin);
    expect(connection.received).toBe('');
    socket.write(`GET ${pathname}${search} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    await new Promise((resolve) => setTimeout(resolve, wait));
    socket.destroy();
  }
  const again = async () => (await fetch(server.origin + pathname + search)).status;
  await expect.poll(again, { timeout: 5_000, interval: 200 }).toBe(200);
});

test('a large export flows in full, one at a time, and is cut when its account ends', async () => {
  const bob = await register(server.origin);
  await insertFiles(bob, 1_000);
  const url = await urlOf(bob);
  const whole = JSON.parse(await (await fetch(url)).text());
  expect([whole.files.length, whole.isComplete]).toEqual([1_001, true]);

  // Nothing is read for a while: what is made beforehand is bounded.
  const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    get(url, { agent: false }, resolve).once('error', reject);
  });
  expect(await codeIn(await fetch(url))).toBe('RATE_LIMITED');
  await database.collection('users').updateOne({ _id: idOf(bob) }, { $set: { isActive: false } });
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  let text = '';
  const ended = new Promise<string>((resolve) => {
    response.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    response.once('end', () => resolve('end')).once('error', () => resolve('error'));
  });
  expect(await ended).toBe('error');
  expect(text).not.toContain('isComplete');
});
