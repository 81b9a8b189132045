import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Account,
  type FileAnswer,
  gql,
  multipart,
  operationParts,
  type Part,
  pause,
  register,
  send,
  UPLOAD_FILE,
  UPLOAD_FILES,
  upload,
  uploadHeaders,
} from '../../support/client.ts';
import { DirectClient, sendPart } from '../../support/direct-upload.ts';
import { Inspector, vitalsOf } from '../../support/leftovers.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const FIELDS = operationParts(UPLOAD_FILE, { file: null }, { 0: ['variables.file'] });
const FILE: Part = { name: '0', filename: 'a.txt', type: 'text/plain', content: 'hello' };

let server: RunningServer;
let inspector: Inspector;
let ann: Account;

beforeAll(async () => {
  server = await startServer();
  inspector = await Inspector.of(server);
  ann = await register(server.origin);
});
afterAll(async () => {
  await inspector.close();
  await server.stop();
});

describe('A request that is cut or broken', () => {
  const TWICE = operationParts(
    UPLOAD_FILES,
    { files: [null, null] },
    { 0: ['variables.files.0'], 1: ['variables.files.1'] },
  );
  // The second file comes first, so that it waits in a spill file.
  const waiting = multipart([
    ...TWICE,
    { ...FILE, name: '1', content: Buffer.alloc(200_000, 'b') },
    { ...FILE, content: Buffer.alloc(200_000, 'a') },
  ]);
  const broken = (head: string) =>
    Buffer.concat([
      multipart(FIELDS).subarray(0, -'--boundary-of-the-tests--\r\n'.length),
      Buffer.from(`--boundary-of-the-tests\r\n${head}\r\n\r\nhello\r\n--boundary-of-the-tests--\r\n`),
    ]);

  // CVE-2025-47935 of multer (descriptors of aborted requests), CVE-2025-24033 of @fastify/multipart (their files)
  it('leaves neither descriptors nor files, wherever it was cut', async () => {
    const cuts = [
      200,
      waiting.indexOf('filename') + 5,
      60_000,
      200_500,
      300_000,
      waiting.length - 10,
      waiting.length,
    ];
    await upload(server.origin, ann.token, { content: 'warm' });
    const before = await vitalsOf(server.pid);
    for (let round = 0; round < 70; round += 1) {
      const connection = await RawConnection.open(server.origin);
      connection.begin({ ...uploadHeaders(ann.token), 'content-length': `${waiting.length}` });
      connection.socket.write(waiting.subarray(0, cuts[round % cuts.length]));
      await pause(5);
      connection.vanish();
    }
    expect(await inspector.settled()).toEqual([]);
    let after = await vitalsOf(server.pid);
    for (let i = 0; i < 100 && after.files + after.others > before.files + before.others + 4; i += 1) {
      await pause(50);
      after = await vitalsOf(server.pid);
    }
    expect(after.spilling).toBe(0);
    expect(after.files).toBeLessThanOrEqual(before.files + 2);
    expect(after.others).toBeLessThanOrEqual(before.others + 4);
  });

  // CVE-2022-24434 of dicer; CVE-2025-47944, CVE-2025-48997 and CVE-2025-7338 of multer: one request ended the process.
  it.each([
    ' content-disposition: form-data; name="0"; filename="a"',
    'content-disposition: form-data; name=""; filename=""',
    'content-disposition: form-data; name="0"; filename="a\r\n\tb"',
    'content-disposition: form-data; name="0"; filename*=UTF-8\'\'%',
    'content-disposition: form-data; name="0"; filename*=x-unknown\'\'%FF%00',
    'content-disposition: form-data; name*0="0"; name*1=x; filename="a"',
    'content-disposition: form-data; name="__proto__"; filename="a"',
    'content-disposition:',
    ': form-data; name="0"; filename="a"',
    'content-disposition: form-data; name="0"; filename="a"\r\ncontent-type: ;;;=\u0000',
    'content-disposition: form-data; name="0"; filename="a"\r\ncontent-transfer-encoding: base64',
    `content-disposition: form-data; name="0"${'; x="y"'.repeat(5_000)}`,
    `content-disposition: form-data; name="0"; filename="${'\\"'.repeat(8_000)}"`,
    `${'x: y\r\n'.repeat(5_000)}content-disposition: form-data; name="0"; filename="a"`,
    '\u0000\u0001\u0002',
  ])('is refused or taken, and the next one is answered: %#', async (head) => {
    const answer = await send<{ uploadFile: FileAnswer }>(server.origin, {
      headers: uploadHeaders(ann.token),
      body: broken(head),
    });
    expect(answer.status).toBeLessThan(500);
    if (!answer.data?.uploadFile) expect(answer.errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
    expect((await gql(server.origin, '{ me { id } }', {}, ann.token)).errors).toEqual([]);
    expect(await inspector.settled()).toEqual([]);
  });
});

// CVE-2024-28180 of go-jose: few bytes that unpack to many. Nothing that comes in compressed is unpacked here.
describe('A compressed body', () => {
  const PACKERS = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync };
  const bomb = JSON.stringify({ query: `#${' '.repeat(50_000_000)}\n{ __typename }` });

  it.each(Object.entries(PACKERS))('as %s is refused, whatever it unpacks to', async (encoding, pack) => {
    const { memory } = await vitalsOf(server.pid);
    for (const text of [JSON.stringify({ query: '{ __typename }' }), bomb]) {
      const headers = { 'content-type': 'application/json', 'content-encoding': encoding };
      const answer = await send(server.origin, { headers, body: pack(Buffer.from(text)) });
      expect([answer.status >= 400 && answer.status < 500, answer.data]).toEqual([true, null]);
    }
    const headers = { ...uploadHeaders(ann.token), 'content-encoding': encoding };
    const answer = await send(server.origin, { headers, body: pack(multipart([...FIELDS, FILE])) });
    expect([answer.status >= 400 && answer.status < 500, answer.data]).toEqual([true, null]);
    expect((await vitalsOf(server.pid)).memory - memory).toBeLessThan(60_000_000);
  });

  it('as a part of a direct upload is stored as it came', async () => {
    const client = new DirectClient(server.origin, ann.token);
    const content = gzipSync('hello');
    const ticket = await client.ticket({ fileSize: content.length });
    const headers = { 'content-encoding': 'gzip', 'content-length': content.length };
    const { status } = await sendPart(`${ticket.url}`, content, { headers });
    if (status === 204) {
      expect((await client.complete(ticket.id)).data?.completeUpload.fileSize).toBe(content.length);
    } else {
      expect(status).toBe(415);
      await client.cancel(ticket.id);
    }
  });
});
