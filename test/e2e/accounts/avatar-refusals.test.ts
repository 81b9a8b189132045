import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { plain, RED, servedAvatar, setAvatar, UPDATE_AVATAR } from '../../support/avatars.ts';
import {
  type Account,
  BOUNDARY,
  gql,
  multipart,
  operationParts,
  partHead,
  register,
  uploadHeaders,
} from '../../support/client.ts';
import { blackPng, SVG } from '../../support/hostile-images.ts';
import { Inspector } from '../../support/leftovers.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const MIB = 1024 * 1024;

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
afterEach(async () => {
  // Whatever was sent, the process lives, and nothing of it lies about.
  expect((await gql<{ me: object }>(server.origin, '{ me { id } }', {}, ann.token)).data?.me).toBeTruthy();
  expect(await inspector.settled()).toEqual([]);
});

const set = (content: Buffer, account = ann) => setAvatar(server.origin, account, content);
const served = (content: Buffer, account = ann) => servedAvatar(server.origin, account, content);

const truncated = async () => (await plain(400, 400).jpeg().toBuffer()).subarray(0, 900);
const damaged = async () => {
  const png = await sharp({
    create: { width: 300, height: 300, channels: 3, background: RED, noise: { type: 'gaussian' } },
  } as never)
    .png()
    .toBuffer();
  return png.fill(0x55, 2_000, 4_000);
};

test.each<[string, string, () => Promise<Buffer> | Buffer]>([
  ['an SVG', 'UNSUPPORTED_MEDIA_TYPE', () => SVG],
  ['an SVG that is compressed', 'UNSUPPORTED_MEDIA_TYPE', () => gzipSync(SVG)],
  ['a web page', 'UNSUPPORTED_MEDIA_TYPE', () => Buffer.from('<!doctype html><script>alert(1)</script>')],
  ['a TIFF', 'UNSUPPORTED_MEDIA_TYPE', () => plain(20, 20).tiff().toBuffer()],
  ['a PDF', 'UNSUPPORTED_MEDIA_TYPE', () => Buffer.from('%PDF-1.4\n1 0 obj\n<<>>\nendobj\n')],
  ['text', 'UNSUPPORTED_MEDIA_TYPE', () => Buffer.from('hello')],
  ['nothing', 'UNSUPPORTED_MEDIA_TYPE', () => Buffer.alloc(0)],
  ['the head of a PNG', 'UNSUPPORTED_MEDIA_TYPE', () => blackPng(10, 10).subarray(0, 12)],
  // 900 million pixels in 14 KB.
  ['a bomb of pixels', 'BAD_USER_INPUT', () => blackPng(30_000, 30_000)],
  ['a very wide image', 'BAD_USER_INPUT', () => blackPng(60_000_000, 1)],
  ['a truncated JPEG', 'BAD_USER_INPUT', truncated],
  ['a damaged PNG', 'BAD_USER_INPUT', damaged],
])('%s that is called a PNG is refused, and the image of before stays', async (_name, code, make) => {
  const before = await served(await plain(30, 30).png().toBuffer());
  const { errors } = await set(await make());
  expect(errors.map(({ extensions }) => extensions.code)).toEqual([code]);
  expect((await fetch(before.url)).status).toBe(200);
});

test('an image of 10 MiB is taken and one byte more is too large', async () => {
  const jpeg = await plain(50, 50).jpeg().toBuffer();
  const padded = Buffer.concat([jpeg, Buffer.alloc(10 * MIB - jpeg.length)]);
  expect((await served(padded)).facts.width).toBe(50);
  const { errors } = await set(Buffer.concat([padded, Buffer.alloc(1)]));
  expect(errors[0]?.extensions.code).toBe('PAYLOAD_TOO_LARGE');
});

test('of an image that never ends, no more is read than may be', async () => {
  const fields = operationParts(UPDATE_AVATAR, { file: null }, { 0: ['variables.file'] });
  const head = partHead({ name: '0', filename: 'me.png', type: 'image/png' });
  const connection = await RawConnection.open(server.origin);
  connection.begin({ ...uploadHeaders(ann.token), 'transfer-encoding': 'chunked' });
  connection.chunk(Buffer.concat([multipart(fields).subarray(0, -`--${BOUNDARY}--\r\n`.length), head]));
  const piece = Buffer.alloc(256 * 1024, 1);
  let sent = 0;
  while (!connection.received.includes('PAYLOAD_TOO_LARGE') && sent < 64 * MIB) {
    connection.chunk(piece);
    sent += piece.length;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  connection.socket.destroy();
  expect(connection.received).toContain('PAYLOAD_TOO_LARGE');
  expect(sent).toBeLessThan(40 * MIB);
});

test('what is served is only what was decoded: bytes behind or inside the image are gone', async () => {
  const script = '<script>alert(document.domain)</script>';
  const jpeg = await plain(50, 50)
    .withExif({ IFD0: { ImageDescription: script } })
    .jpeg()
    .toBuffer();
  const { bytes, answer } = await served(Buffer.concat([jpeg, Buffer.from(`${script}PK\x03\x04`)]));
  expect(bytes.includes('script')).toBe(false);
  expect(answer.headers.get('content-type')).toBe('image/webp');
});

test('setting an image needs a session', async () => {
  const query = 'mutation { removeAvatar { id } }';
  expect((await gql(server.origin, query)).errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
  const { errors } = await set(Buffer.from('x'), { ...ann, token: 'none' });
  expect(errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
});
