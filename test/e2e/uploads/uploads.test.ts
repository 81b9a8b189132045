import { createHash, randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  type Account,
  type FileAnswer,
  operationParts,
  register,
  send,
  sendParts,
  UPLOAD_FILES,
  upload,
  uploadAll,
} from '../../support/client.ts';
import { Inspector, vitalsOf } from '../../support/leftovers.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const KIB = 1024;
const SPILL = 2 * 1024 * KIB;
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

let server: RunningServer;
let inspector: Inspector;
let ann: Account;

const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');
const codes = (answer: { errors: readonly { extensions: { code: string } }[] }) =>
  answer.errors.map(({ extensions }) => extensions.code);

beforeAll(async () => {
  server = await startServer({ UPLOAD_SPILL_SIZE: String(SPILL) });
  inspector = await Inspector.of(server);
});
afterAll(async () => {
  await inspector.close();
  await server.stop();
});
beforeEach(async () => {
  ann = await register(server.origin);
});
afterEach(async () => {
  expect(await inspector.settled()).toEqual([]);
  expect((await vitalsOf(server.pid)).spilling).toBe(0);
});

async function stored(file: Parameters<typeof upload>[2], input?: object): Promise<FileAnswer> {
  const { data, text } = await upload(server.origin, ann.token, file, input);
  if (!data) throw new Error(text);
  return data.uploadFile;
}

test.each([0, 1, 65_535, 65_536, 65_537, 3_000_000])('%i bytes arrive whole', async (size) => {
  const content = randomBytes(size);
  const file = await stored({ content });
  expect(file).toMatchObject({ fileSize: size, fileHash: sha256(content), uploadStatus: 'COMPLETED' });
  const download = await send(server.origin, {
    method: 'GET',
    path: `/files/${file.id}/content`,
    headers: { authorization: `Bearer ${ann.token}` },
  });
  expect(download.status).toBe(200);
  expect(download.headers.etag).toBe(`"${sha256(content)}"`);
  expect(download.headers['content-length']).toBe(String(size));
});

test.each([
  ['plain ASCII', 'report.pdf', 'report.pdf'],
  ['raw UTF-8', 'résumé – 履歴書.pdf', 'résumé – 履歴書.pdf'],
  ['emoji', '👩‍👩‍👧 party 🎉.jpg', '👩‍👩‍👧 party 🎉.jpg'],
  ['a decomposed accent', 'e\u0301.txt', 'é.txt'],
  ['an escaped quote', 'a\\"b.txt', 'a"b.txt'],
  ['a parent folder', '../../etc/passwd', 'passwd'],
  ['only dots', '..', 'unnamed'],
  ['backslashes', 'C:\\\\temp\\\\x.txt', 'x.txt'],
  ['a bidi override', 'invoice\u202etxt.exe', 'invoicetxt.exe'],
  ['a tab and a bell', 'a\tb\u0007.txt', 'ab.txt'],
  ['300 characters', `${'ü'.repeat(300)}.txt`, `${'ü'.repeat(251)}.txt`],
  ['spaces around', '  a b.txt  ', 'a b.txt'],
  ['nothing', '', 'unnamed'],
])('a name with %s', async (_what, filename, expected) => {
  const { originalName, fileName } = await stored({ content: 'x', filename });
  expect(originalName).toBe(expected);
  expect(fileName).toMatch(/^[0-9a-f]{24}(\.[0-9a-z]{1,10})?$/);
});

test.each([
  ['UTF-8 in it', "UTF-8''%e5%b1%a5%20x.txt", '履 x.txt'],
  ['an encoded slash', "UTF-8''a%2fb.txt", 'b.txt'],
  ['an encoded NUL', "UTF-8''a%00b.txt", 'ab.txt'],
])('filename* with %s', async (_what, value, expected) => {
  const disposition = `form-data; name="0"; filename*=${value}`;
  expect((await stored({ content: 'x', disposition })).originalName).toBe(expected);
});

test('an announced SHA-256 must match', async () => {
  const right = await stored({ content: 'hello' }, { sha256: sha256('hello').toUpperCase() });
  expect(right.fileHash).toBe(sha256('hello'));
  const wrong = await upload(server.origin, ann.token, { content: 'hullo' }, { sha256: sha256('hello') });
  expect(codes(wrong)).toEqual(['HASH_MISMATCH']);
  expect(await inspector.usedBytes(ann.id)).toBe(5);
});

test('fifty equal uploads at once make one blob with fifty references', async () => {
  const content = randomBytes(100_000);
  const files = await Promise.all(Array.from({ length: 50 }, () => stored({ content })));
  expect(new Set(files.map(({ id }) => id)).size).toBe(50);
  expect(await inspector.settled()).toEqual([]);
  const { blobs, keys } = await inspector.holdings();
  const ours = blobs.filter(({ hash }) => hash === sha256(content));
  expect(ours.map(({ refCount }) => refCount)).toEqual([50]);
  expect(keys).toHaveLength(blobs.length);
  expect(await inspector.usedBytes(ann.id)).toBe(5_000_000);
});

test('one bad file of a batch does not lose the good ones', async () => {
  await inspector.setQuota(ann.id, 2_000);
  const answer = await uploadAll(server.origin, ann.token, [
    { content: 'a'.repeat(500) },
    { content: 'b'.repeat(5_000) },
    { content: 'c'.repeat(500) },
  ]);
  expect(answer.status).toBe(200);
  expect(answer.data?.uploadFiles.map((file) => file?.fileSize)).toEqual([500, undefined, 500]);
  expect(answer.errors.map(({ path }) => path)).toEqual([['uploadFiles', 1]]);
  expect(codes(answer)).toEqual(['QUOTA_EXCEEDED']);
});

test('ten files in one request arrive, also in the opposite order', async () => {
  const contents = Array.from({ length: 10 }, (_, i) => randomBytes(50_000 + i));
  const variables = { files: contents.map(() => null) };
  const map = Object.fromEntries(contents.map((_, i) => [i, [`variables.files.${i}`]]));
  const parts = contents.map((content, i) => ({ name: String(i), filename: `${i}`, content })).reverse();
  const fields = operationParts(UPLOAD_FILES, variables, map);
  const { data } = await sendParts<{ uploadFiles: FileAnswer[] }>(server.origin, ann.token, [
    ...fields,
    ...parts,
  ]);
  expect(data?.uploadFiles.map(({ fileHash }) => fileHash)).toEqual(contents.map(sha256));
});

const CROSSED =
  'mutation ($a: Upload!, $b: Upload!) { a: uploadFile(file: $b) { fileHash } b: uploadFile(file: $a) { fileHash } }';

/** Sends `a` before `b` for an operation that uses `b` before `a`. */
function crossed(a: Buffer, b: Buffer) {
  const fields = operationParts(CROSSED, { a: null, b: null }, { a: ['variables.a'], b: ['variables.b'] });
  const parts = [
    { name: 'a', filename: 'a', content: a },
    { name: 'b', filename: 'b', content: b },
  ];
  return sendParts<Record<'a' | 'b', { fileHash: string }>>(server.origin, ann.token, [...fields, ...parts]);
}

test('files that are used in another order than sent wait on disk, without a deadlock', async () => {
  const [a, b] = [randomBytes(1_900_000), randomBytes(5_000_000)];
  const { data } = await crossed(a, b);
  expect(data).toEqual({ a: { fileHash: sha256(b) }, b: { fileHash: sha256(a) } });
});

test('a file that would have to wait but is too large for it fails, and does not hang', async () => {
  const answer = await crossed(randomBytes(SPILL + 1_000_000), randomBytes(1_000));
  expect(codes(answer)).toEqual(['PAYLOAD_TOO_LARGE']);
  expect(answer.errors[0]?.message).toMatch(/in the order/);
});

const twice = (content: Buffer) =>
  sendParts<{ uploadFiles: (FileAnswer | null)[] }>(server.origin, ann.token, [
    ...operationParts(
      UPLOAD_FILES,
      { files: [null, null] },
      { x: ['variables.files.0', 'variables.files.1'] },
    ),
    { name: 'x', filename: 'x', content },
  ]);

test('one part in two places makes two files of one blob', async () => {
  const content = randomBytes(1_500_000);
  const { data } = await twice(content);
  expect(data?.uploadFiles.map((file) => file?.fileHash)).toEqual([sha256(content), sha256(content)]);
  expect(await inspector.usedBytes(ann.id)).toBe(3_000_000);
});

test.each([
  ['what the bytes say, not what the client says', 'text/html', PNG, 'image/png'],
  [
    'HTML that claims to be an image',
    'image/png',
    '<!doctype html><script>alert(1)</script>',
    'application/octet-stream',
  ],
  ['a text’s own word', 'Text/CSV; charset=utf-8', 'a,b', 'text/csv'],
  ['plain text by RFC 7578 without a word', undefined, Buffer.from([1, 2, 3]), 'text/plain'],
  ['a garbled word', 'not a type', 'x', 'application/octet-stream'],
])('the type is %s', async (_what, type, content, expected) => {
  const { mimeType } = await stored({ content, ...(type && { type }) });
  expect(mimeType).toBe(expected);
});

test('a quota is filled to the last byte, and not beyond', async () => {
  await inspector.setQuota(ann.id, 100_000);
  await stored({ content: randomBytes(40_000) });
  await stored({ content: randomBytes(60_000) });
  const refused = await upload(server.origin, ann.token, { content: 'x' });
  expect(codes(refused)).toEqual(['QUOTA_EXCEEDED']);
  expect(await inspector.usedBytes(ann.id)).toBe(100_000);
  expect(await stored({ content: '' })).toMatchObject({ fileSize: 0 });
});

test('uploads at once share a quota without passing it, and none is refused that fits', async () => {
  await inspector.setQuota(ann.id, 20_000_000);
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => upload(server.origin, ann.token, { content: randomBytes(5_000_000) })),
  );
  expect(answers.flatMap(codes)).toEqual([]);
  expect(codes(await upload(server.origin, ann.token, { content: 'x' }))).toEqual(['QUOTA_EXCEEDED']);
});
