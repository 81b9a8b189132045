import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Account,
  BOUNDARY,
  gql,
  multipart,
  operationParts,
  partHead,
  pause,
  register,
  send,
  UPLOAD_FILE,
  upload,
  uploadHeaders,
} from '../../support/client.ts';
import { DirectClient } from '../../support/direct-upload.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
// Every wait is as long as the one for a byte, where that is shorter.
const SECONDS = 4;
const LONGEST_MS = (SECONDS + 6) * 1000;
const MOST_CONNECTIONS = 40;

let server: RunningServer;
const accounts: Account[] = [];

/** An account that no other test uses. */
function newAccount(): Account {
  const account = accounts.pop();
  if (!account) throw new Error('Register more accounts.');
  return account;
}

beforeAll(async () => {
  server = await startServer({
    UPLOAD_IDLE_SECONDS: String(SECONDS),
    UPLOAD_MIN_RATE: '1MiB',
    MAX_UPLOADS_PER_USER: '2',
    MAX_UPLOADS: '6',
    MAX_CONNECTIONS: String(MOST_CONNECTIONS),
    MAX_FILE_SIZE: '64MiB',
  });
  // One by one: an answer that takes longer than the wait for a byte is cut as well.
  while (accounts.length < 12) {
    const account = await register(server.origin).catch(() => null);
    if (account) accounts.push(account);
  }
});

afterAll(async () => {
  await server?.stop();
});

const HEAD = multipart(operationParts(UPLOAD_FILE, { file: null }, { 0: ['variables.file'] }));
const BEGINNING = Buffer.concat([
  HEAD.subarray(0, -(BOUNDARY.length + 6)),
  partHead({ name: '0', filename: 'a.bin' }),
]);
const END = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);

/** Begins an upload of so many bytes, and sends what stands before them. */
async function beginUpload({ token }: Account, bytes: number): Promise<RawConnection> {
  const connection = await RawConnection.open(server.origin);
  const length = BEGINNING.length + bytes + END.length;
  connection.begin({ ...uploadHeaders(token), 'content-length': String(length) });
  connection.socket.write(BEGINNING);
  return connection;
}

/** Writes so many bytes at a time until the server closes the connection; resolves with how many milliseconds it took. */
async function trickle({ socket }: RawConnection, bytes: Buffer | string, everyMs: number): Promise<number> {
  const began = performance.now();
  while (!socket.closed && performance.now() - began < 2 * LONGEST_MS) {
    if (socket.writable) socket.write(bytes);
    await pause(everyMs);
  }
  return performance.now() - began;
}

describe.concurrent('clients that are too slow', () => {
  it('are cut when their headers do not come to an end', async ({ expect }) => {
    const connection = await RawConnection.open(server.origin);
    connection.socket.write('POST /graphql HTTP/1.1\r\nhost: localhost\r\nx-slow: ');
    expect(await trickle(connection, 'a', 200)).toBeLessThan(LONGEST_MS);
    expect(connection.received).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('are cut when a body that is no upload does not come to an end', async ({ expect }) => {
    const connection = await RawConnection.open(server.origin);
    connection.begin({ 'content-type': 'application/json', 'content-length': '100000' });
    const took = await trickle(connection, ' ', 100);
    expect(took).toBeGreaterThan(SECONDS * 1000 - 500);
    expect(took).toBeLessThan(LONGEST_MS);
    expect(connection.received).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('are cut when an upload trickles, and nothing of it is left', async ({ expect }) => {
    const ann = newAccount();
    const connection = await beginUpload(ann, 32 * MIB);
    expect(await trickle(connection, Buffer.alloc(32 * KIB), 200)).toBeLessThan(LONGEST_MS);
    const usedBytes = async () => {
      const query = '{ me { usage { usedBytes } } }';
      const { data } = await gql<{ me: { usage: { usedBytes: number } } }>(
        server.origin,
        query,
        {},
        ann.token,
      );
      return data?.me.usage.usedBytes;
    };
    await expect.poll(usedBytes, { timeout: 10_000 }).toBe(0);
  });

  it('are cut when they take next to nothing of a download', async ({ expect }) => {
    const ann = newAccount();
    const content = randomBytes(48 * MIB);
    const id = (await upload(server.origin, ann.token, { content })).data?.uploadFile.id;
    const connection = await RawConnection.open(server.origin);
    connection.begin({ authorization: `Bearer ${ann.token}` }, `GET /files/${id}/content`);
    const { socket } = connection;
    const began = performance.now();
    // A quarter of a MiB a second, at the most.
    while (!socket.closed && performance.now() - began < LONGEST_MS) {
      socket.resume();
      await Promise.race([new Promise((resolve) => socket.once('data', resolve)), pause(1_000)]);
      socket.pause();
      await pause(250);
    }
    socket.resume();
    await connection.ended();
    expect(connection.received.length).toBeLessThan(content.length);
  });
});

describe.concurrent('clients that are slow but go on', () => {
  it('may take longer for an upload than any wait', async ({ expect }) => {
    const ann = newAccount();
    const pieces = 20;
    const connection = await beginUpload(ann, pieces * MIB);
    for (let i = 0; i < pieces; i += 1) {
      connection.socket.write(Buffer.alloc(MIB));
      await pause(300);
    }
    connection.socket.write(END);
    const { status, text } = await connection.answer();
    expect(status).toBe(200);
    expect(text).toContain('"COMPLETED"');
  });
});

describe('files that are sent at once', () => {
  const refusal = (connection: RawConnection) => connection.answer();

  it('are as many as an account may send, parts among them; more are refused before they are read', async () => {
    const [ann, bob] = [newAccount(), newAccount()];
    const first = await beginUpload(ann, MIB);
    const ticket = await new DirectClient(server.origin, ann.token).ticket({ fileSize: MIB });
    const part = new URL(ticket.parts[0]?.url ?? '');
    const second = await RawConnection.open(server.origin);
    second.begin({ 'content-length': String(MIB) }, `PUT ${part.pathname}${part.search}`);
    await pause(300);

    const third = await RawConnection.open(server.origin);
    third.begin({ ...uploadHeaders(ann.token), 'content-length': String(MIB) });
    const { status, errors } = await refusal(third);
    expect(status).toBe(429);
    expect(errors).toMatchObject([{ extensions: { code: 'RATE_LIMITED', retryAfter: 5 } }]);
    expect(third.received).toMatch(/^retry-after: 5\r$/im);
    const again = await RawConnection.open(server.origin);
    again.begin({ 'content-length': String(MIB) }, `PUT ${part.pathname}${part.search}`);
    expect((await refusal(again)).status).toBe(429);
    expect((await upload(server.origin, bob.token, { content: 'bob' })).errors).toEqual([]);

    first.vanish();
    second.vanish();
    await pause(300);
    expect((await upload(server.origin, ann.token, { content: 'ann' })).errors).toEqual([]);
  });

  it('are counted by the files of each request', async () => {
    const ann = newAccount();
    const query = 'mutation ($files: [Upload!]!) { uploadFiles(files: $files) { id } }';
    const map = { 0: ['variables.files.0'], 1: ['variables.files.1'], 2: ['variables.files.2'] };
    const parts = operationParts(query, { files: [null, null, null] }, map);
    const body = multipart([
      ...parts,
      ...[0, 1, 2].map((name) => ({ name: `${name}`, filename: 'a', content: 'a' })),
    ]);
    const answer = await send(server.origin, { headers: uploadHeaders(ann.token), body });
    expect(answer.status).toBe(429);
    expect(answer.errors).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }]);
  });

  it('are as many as the process takes in, from all accounts together', async () => {
    const late = newAccount();
    const others = [newAccount(), newAccount(), newAccount()];
    const held = await Promise.all(
      others.flatMap((each) => [beginUpload(each, MIB), beginUpload(each, MIB)]),
    );
    await pause(300);
    expect((await refusal(await beginUpload(late, MIB))).status).toBe(429);
    for (const connection of held) connection.vanish();
  });
});

describe('connections', () => {
  it('are as many as may be open; further ones are closed', async () => {
    const open = await Promise.all(
      Array.from({ length: MOST_CONNECTIONS + 5 }, () => RawConnection.open(server.origin)),
    );
    await pause(300);
    const closed = open.filter(({ socket }) => socket.closed || socket.readableEnded);
    expect(closed.length).toBeGreaterThanOrEqual(5);
    expect(closed.length).toBeLessThan(15);
    expect(server.log()).toContain('connections are refused');
    for (const connection of open) connection.vanish();
    await pause(300);
    expect((await send(server.origin, { method: 'GET', path: '/health/live' })).status).toBe(200);
  });
});

describe('contents', () => {
  it('are never compressed on their way, whatever a client accepts', async () => {
    const ann = newAccount();
    const content = Buffer.alloc(100 * KIB, 'a');
    const id = (await upload(server.origin, ann.token, { content, filename: 'a.txt' })).data?.uploadFile.id;
    const answer = await send(server.origin, {
      method: 'GET',
      path: `/files/${id}/content`,
      headers: { authorization: `Bearer ${ann.token}`, 'accept-encoding': 'gzip, br, deflate, zstd' },
    });
    expect(answer.headers['content-encoding']).toBeUndefined();
    expect(answer.headers['content-length']).toBe(String(content.length));
  });
});
