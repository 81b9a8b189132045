import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, gql, register, upload } from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const SIZE = 70_001;
const CONTENT = randomBytes(SIZE);
const ETAG = `"${createHash('sha256').update(CONTENT).digest('hex')}"`;
const APP = 'https://app.example.org';
let server: RunningServer;
let owner: Account;
let id: string;

beforeAll(async () => {
  server = await startServer({ CORS_ORIGIN: APP, SHUTDOWN_GRACE_SECONDS: '1' });
  owner = await register(server.origin);
  id = await stored({ content: CONTENT });
});
afterAll(() => server.stop());

async function stored(part: Parameters<typeof upload>[2], input: object = {}): Promise<string> {
  const answer = await upload(server.origin, owner.token, part, input);
  if (!answer.data) throw new Error(answer.text);
  return answer.data.uploadFile.id;
}

const get = (headers: Record<string, string> = {}, { file = id, method = 'GET', query = '' } = {}) =>
  fetch(`${server.origin}/files/${file}/content${query}`, {
    method,
    headers: { authorization: `Bearer ${owner.token}`, ...headers },
  });

describe('A range', () => {
  it.each([
    ['bytes=0-0', 0, 0],
    ['bytes=0-99', 0, 99],
    ['bytes=100-', 100, SIZE - 1],
    ['bytes=65535-65536', 65_535, 65_536],
    [`bytes=${SIZE - 1}-`, SIZE - 1, SIZE - 1],
    [`bytes=${SIZE - 1}-${SIZE + 100}`, SIZE - 1, SIZE - 1],
    ['bytes=-1', SIZE - 1, SIZE - 1],
    ['bytes=-500', SIZE - 500, SIZE - 1],
    ['bytes=-99999999999999999999', 0, SIZE - 1],
    ['BYTES=5-6', 5, 6],
  ])('%s brings exactly its bytes', async (range, start, end) => {
    const answer = await get({ range });
    expect([answer.status, answer.headers.get('content-range')]).toEqual([
      206,
      `bytes ${start}-${end}/${SIZE}`,
    ]);
    expect(answer.headers.get('content-length')).toBe(String(end - start + 1));
    expect(Buffer.from(await answer.arrayBuffer()).equals(CONTENT.subarray(start, end + 1))).toBe(true);
  });

  it.each([`bytes=${SIZE}-`, 'bytes=99999999999999999999-', 'bytes=-0'])(
    '%s is 416 with the size',
    async (range) => {
      const answer = await get({ range });
      expect([answer.status, answer.headers.get('content-range')]).toEqual([416, `bytes */${SIZE}`]);
      expect((await answer.arrayBuffer()).byteLength).toBe(0);
    },
  );

  it.each(['bytes=9-1', 'bytes=', 'bytes=-', 'items=0-1', 'bytes=0-1,5-6', 'bytes=a-b', 'bytes=0x1-2'])(
    '%s that is none, or several, brings everything',
    async (range) => {
      const answer = await get({ range });
      expect([answer.status, answer.headers.get('content-range')]).toEqual([200, null]);
      expect((await answer.arrayBuffer()).byteLength).toBe(SIZE);
    },
  );

  it('of an empty file is the empty file, or 416', async () => {
    const file = await stored({ content: '' });
    const statuses = await Promise.all(
      ['bytes=0-', 'bytes=-5', ''].map(async (range) => (await get(range ? { range } : {}, { file })).status),
    );
    expect(statuses).toEqual([416, 200, 200]);
  });
});

describe('A condition', () => {
  const past = 'Thu, 01 Jan 2015 00:00:00 GMT';
  const future = 'Fri, 01 Jan 2094 00:00:00 GMT';
  const range = 'bytes=0-4';

  it('is judged by the SHA-256 and the time of the upload', async () => {
    const answer = await get();
    await answer.arrayBuffer();
    const modified = answer.headers.get('last-modified') ?? '';
    expect(answer.headers.get('etag')).toBe(ETAG);
    expect(Math.abs(Date.now() - Date.parse(modified))).toBeLessThan(120_000);
    const cases: [Record<string, string>, number][] = [
      [{ 'if-none-match': ETAG }, 304],
      [{ 'if-none-match': `W/${ETAG}` }, 304],
      [{ 'if-none-match': `"x", ${ETAG}` }, 304],
      [{ 'if-none-match': '*' }, 304],
      [{ 'if-none-match': '"x"' }, 200],
      [{ 'if-none-match': '"x"', 'if-modified-since': future }, 200],
      [{ 'if-modified-since': modified }, 304],
      [{ 'if-modified-since': past }, 200],
      [{ 'if-match': ETAG }, 200],
      [{ 'if-match': '*' }, 200],
      [{ 'if-match': '"x"' }, 412],
      [{ 'if-match': `W/${ETAG}` }, 412],
      [{ 'if-unmodified-since': past }, 412],
      [{ 'if-unmodified-since': modified }, 200],
      [{ range, 'if-range': ETAG }, 206],
      [{ range, 'if-range': modified }, 206],
      [{ range, 'if-range': `W/${ETAG}` }, 200],
      [{ range, 'if-range': '"x"' }, 200],
      [{ range, 'if-range': past }, 200],
      [{ range, 'if-none-match': ETAG }, 304],
      [{ range: `bytes=${SIZE}-`, 'if-range': '"x"' }, 200],
    ];
    for (const [headers, status] of cases) {
      const conditional = await get(headers);
      const { byteLength } = await conditional.arrayBuffer();
      expect([conditional.status, headers]).toEqual([status, headers]);
      expect(byteLength).toBe({ 200: SIZE, 206: 5 }[status] ?? 0);
      if (status === 304) {
        expect(conditional.headers.get('etag')).toBe(ETAG);
        expect(conditional.headers.get('cache-control')).toBeTruthy();
      }
    }
  });

  it('of a HEAD is judged too, and a HEAD tells everything but the bytes, whatever range it names', async () => {
    const [whole, head] = [await get(), await get({ range }, { method: 'HEAD' })];
    await whole.arrayBuffer();
    expect([head.status, (await head.arrayBuffer()).byteLength]).toEqual([200, 0]);
    for (const name of [
      'content-length',
      'content-type',
      'etag',
      'last-modified',
      'accept-ranges',
      'cache-control',
    ]) {
      expect([name, head.headers.get(name)]).toEqual([name, whole.headers.get(name)]);
    }
    expect((await get({ 'if-none-match': ETAG }, { method: 'HEAD' })).status).toBe(304);
  });
});

describe('What a content says of itself', () => {
  const PNG = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  );
  const TYPES = {
    'text/html': '<script>alert(1)</script>',
    'image/svg+xml': '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    'application/xhtml+xml': '<html xmlns="http://www.w3.org/1999/xhtml"/>',
    'application/pdf': '%PDF-1.7 /JS (app.alert(1))',
    'text/xml': '<?xml version="1.0"?><a/>',
    'text/javascript': 'alert(1)',
    'text/css': 'a{}',
    'multipart/x-mixed-replace': 'x',
  };

  it.each(Object.entries(TYPES))('never lets %s run: saved even when asked inline', async (type, content) => {
    const file = await stored({ content, type, filename: 'page.html' });
    const answer = await get({}, { file, query: '?disposition=inline' });
    expect(answer.headers.get('content-disposition')).toMatch(/^attachment;/);
    expect(answer.headers.get('content-security-policy')).toBe("sandbox; default-src 'none'");
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(await answer.text()).toBe(content);
  });

  it('shows an image inline when asked, sandboxed all the same', async () => {
    const file = await stored({ content: PNG, type: 'text/html', filename: 'x.html' });
    const [shown, saved] = [await get({}, { file, query: '?disposition=inline' }), await get({}, { file })];
    expect(shown.headers.get('content-type')).toBe('image/png');
    expect(shown.headers.get('content-disposition')).toMatch(/^inline;/);
    expect(shown.headers.get('content-security-policy')).toBe("sandbox; default-src 'none'");
    expect(saved.headers.get('content-disposition')).toMatch(/^attachment;/);
  });

  it.each([
    [
      'Übersicht “2026” 東京 🙂.txt',
      /filename\*=UTF-8''%C3%9Cbersicht%20%E2%80%9C2026%E2%80%9D%20%E6%9D%B1%E4%BA%AC%20%F0%9F%99%82\.txt/,
    ],
    ["it's; filename=evil.exe", /filename="it's; filename=evil\.exe"/],
    ['100%25.txt', /100%25|100%2525/],
  ])('gives the name %s without breaking its header', async (filename, expected) => {
    const file = await stored({ content: 'x', filename });
    const disposition = (await get({}, { file })).headers.get('content-disposition') ?? '';
    expect(disposition).toMatch(expected);
    expect(disposition).toMatch(/^attachment; filename/);
  });

  it('gives a name with quotes as text, and lets no name have line breaks', async () => {
    const file = await stored({ content: 'x', filename: 'a\\"; x=\\"b.txt' });
    const disposition = 'attachment; filename="a\\"; x=\\"b.txt"';
    expect((await get({}, { file })).headers.get('content-disposition')).toBe(disposition);
    const rename =
      'mutation ($id: ID!, $n: String) { updateFile(id: $id, input: { originalName: $n }) { id } }';
    const variables = { id: file, n: 'a\r\nX-Evil: 1.txt' };
    const { errors } = await gql(server.origin, rename, variables, owner.token);
    expect(errors[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      issues: [{ field: 'originalName' }],
    });
  });

  it('keeps private contents out of shared caches, and public ones briefly in them', async () => {
    const file = await stored({ content: 'x' }, { isPublic: true });
    expect((await get()).headers.get('cache-control')).toMatch(/^private, no-cache/);
    expect((await get({}, { file })).headers.get('cache-control')).toMatch(
      /^public, max-age=\d+, must-revalidate/,
    );
    const missing = await get({}, { file: '0'.repeat(24) });
    expect(missing.headers.get('cache-control')).toBe('no-store');
  });

  it('lets the pages of CORS_ORIGIN read it, and no others', async () => {
    const answer = await get({ origin: APP });
    expect(answer.headers.get('access-control-allow-origin')).toBe(APP);
    expect(answer.headers.get('vary')).toMatch(/\borigin\b/i);
    expect(answer.headers.get('access-control-expose-headers')).toMatch(/content-range/i);
    expect(
      (await get({ origin: 'https://evil.example' })).headers.get('access-control-allow-origin'),
    ).toBeNull();
  });
});
