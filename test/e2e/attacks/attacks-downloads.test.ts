import { randomBytes } from 'node:crypto';
import { parse } from 'content-disposition';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, type FileAnswer, gql, register, upload } from '../../support/client.ts';
import { DirectClient, sendPart } from '../../support/direct-upload.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const CONTENT = randomBytes(1_000);
let server: RunningServer;
let ann: Account;
let id: string;

beforeAll(async () => {
  server = await startServer();
  ann = await register(server.origin);
  id = (await stored({ content: CONTENT })).id;
});
afterAll(() => server.stop());

async function stored(part: Parameters<typeof upload>[2]): Promise<FileAnswer> {
  const { data, text } = await upload(server.origin, ann.token, part);
  if (!data) throw new Error(text);
  return data.uploadFile;
}

const asAnn = () => ({ authorization: `Bearer ${ann.token}` });
const get = (path: string, headers: Record<string, string> = asAnn()) =>
  fetch(`${server.origin}${path}`, { headers, redirect: 'manual' });

async function linkTo(file: string): Promise<URL> {
  const query = `{ file(id: "${file}") { downloadUrl } }`;
  const { data } = await gql<{ file: { downloadUrl: string } }>(server.origin, query, {}, ann.token);
  return new URL(data?.file.downloadUrl ?? '');
}

// CVE-2022-22116 and CVE-2022-22117 of Directus: SVG and HTML that were uploaded ran as pages.
describe('Content that would run in a browser', () => {
  const HTML = '<!doctype html><script>alert(document.domain)</script>';
  const SVG = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>';
  const GIF_SCRIPT = 'GIF89a/*<script>*/=1;alert(1)//';

  it.each<[string, string, string, string]>([
    ['HTML as image/png', HTML, 'image/png', 'x.png'],
    ['SVG as image/png', SVG, 'image/png', 'x.png'],
    ['HTML as a GIF', GIF_SCRIPT, 'text/html', 'x.html'],
    ['HTML whose name ends in a dot', HTML, 'text/html', 'x.html.'],
    ['HTML whose name ends in a space', HTML, 'text/html', 'x.html '],
    ['XHTML by its ending', HTML, 'application/octet-stream', 'x.xht'],
    ['SVG with a charset', SVG, 'image/svg+xml;charset=utf-8', 'x.svg'],
    ['SVG with a charset that hides', SVG, 'image/svg+xml; charset=utf-7, text/html', 'x.svg'],
    ['SVG in capitals', SVG, 'IMAGE/SVG+XML', 'x.SVGZ'],
    ['two types in one', HTML, 'image/png, text/html', 'x.png'],
    ['a type with a line break', HTML, 'text/plain\u000btext/html', 'x.txt'],
    ['text in UTF-7', '+ADw-script+AD4-', 'text/html; charset=utf-7', 'x.htm'],
    ['a MIME type that is none', HTML, 'text/html;;;', 'x'],
    ['MHTML', `MIME-Version: 1.0\r\n\r\n${HTML}`, 'multipart/related', 'x.mht'],
    ['XSL', '<?xml version="1.0"?><?xml-stylesheet href="x"?>', 'text/xsl', 'x.xsl'],
    ['a page of scripts for workers', 'alert(1)', 'application/javascript', 'sw.js'],
    ['a web manifest', '{"start_url":"/"}', 'application/manifest+json', 'x.webmanifest'],
  ])('is saved, never shown, and guessed to be nothing else: %s', async (_what, content, type, filename) => {
    const file = await stored({ content, type, filename });
    for (const path of [
      `/files/${file.id}/content?disposition=inline`,
      (await linkTo(file.id)).href.slice(server.origin.length),
    ]) {
      const answer = await get(path, path.includes('signature') ? {} : asAnn());
      const told = answer.headers.get('content-type') ?? '';
      const isImage = /^image\/(?:png|gif)$/.test(told);
      expect(told).toMatch(/^[\w.+-]+\/[\w.+-]+(?:; charset=[\w.-]+)?$/);
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('content-security-policy')).toBe("sandbox; default-src 'none'");
      // What begins as a GIF is one to nosniff as well, and an image never runs.
      if (!isImage) expect(answer.headers.get('content-disposition')).toMatch(/^attachment;/);
      if (!content.startsWith('GIF')) expect(isImage).toBe(false);
      await answer.arrayBuffer();
    }
  });

  // CVE-2020-5398 of Spring: a name that the header did not quote right made a download of another name (RFD).
  it.each([
    'a"; filename="x.bat',
    "a'; filename*=UTF-8''x.bat",
    'a%0d%0aSet-Cookie: x=1',
    'a\\',
    '=?utf-8?Q?x.bat?=',
  ])('is saved under its own name: %s', async (filename) => {
    const rename =
      'mutation ($id: ID!, $n: String) { updateFile(id: $id, input: { originalName: $n }) { id } }';
    const { id: file } = await stored({ content: 'x' });
    const { errors } = await gql(server.origin, rename, { id: file, n: filename }, ann.token);
    const answer = await get(`/files/${file}/content`);
    const header = answer.headers.get('content-disposition') ?? '';
    expect(answer.headers.get('set-cookie')).toBeNull();
    if (errors.length > 0) return expect(errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
    expect(parse(header)).toMatchObject({ type: 'attachment', parameters: { filename } });
  });
});

// CVE-2011-3192 of Apache (many overlapping ranges), CVE-2017-7529 of nginx (sums that overflow)
describe('A range', () => {
  const PIECES = [
    '0',
    '1',
    '999',
    '1000',
    '-',
    '-',
    ',',
    ' ',
    '\t',
    '9223372036854775807',
    '18446744073709551615',
    '1e3',
    '0x1',
    '+1',
    '.',
  ];
  const made = (seed: number) => {
    let state = seed;
    const next = (below: number) => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return state % below;
    };
    return `bytes=${Array.from({ length: 1 + next(7) }, () => PIECES[next(PIECES.length)]).join('')}`;
  };

  it('of any form brings bytes of the file, or all, or 416', { timeout: 60_000 }, async () => {
    const many = `bytes=${Array.from({ length: 1_300 }, (_, i) => `0-${i}`).join(',')}`;
    const forged = [
      'bytes=-9223372036854774591,-9223372036854775608',
      'bytes=0-,'.repeat(200),
      many,
      'bytes',
      '=',
      '\u00e9=0-1',
    ];
    const seeds = Array.from({ length: 250 }, (_, i) => made(i + 1));
    for (const range of [...forged, ...seeds]) {
      const answer = await get(`/files/${id}/content`, { ...asAnn(), range });
      const body = Buffer.from(await answer.arrayBuffer());
      expect([200, 206, 416], range).toContain(answer.status);
      if (answer.status === 200) expect(body.equals(CONTENT), range).toBe(true);
      if (answer.status === 416) expect(body.length, range).toBe(0);
      if (answer.status !== 206) continue;
      const [, start, end] =
        /^bytes (\d+)-(\d+)\/1000$/.exec(answer.headers.get('content-range') ?? '') ?? [];
      expect(body.equals(CONTENT.subarray(Number(start), Number(end) + 1)), range).toBe(true);
    }
  });

  it('that comes twice, or among bytes that are no header, ends no process', async () => {
    const path = `GET /files/${id}/content`;
    for (const line of [`${path}\u0000`, `${path}?${'a'.repeat(20_000)}`, path.replace('GET', 'GET GET')]) {
      const connection = await RawConnection.open(server.origin);
      connection.begin({ ...asAnn(), range: 'bytes=0-1\r\nrange: bytes=5-6', connection: 'close' }, line);
      await connection.ended();
      expect(connection.received).toMatch(/^HTTP\/1\.1 4\d\d /);
    }
    expect((await get(`/files/${id}/content`)).status).toBe(200);
  });
});

// CVE-2020-28052 of Bouncy Castle: a comparison that looked at some characters only.
describe('A signature', () => {
  const LENGTHS = [0, 1, 2, 3, 4, 42, 44, 63, 64, 65, 86, 128, 1_000, 8_000];

  it('of every wrong length is refused, of a content, an export, a part', async () => {
    const content = await linkTo(id);
    const query = '{ exportMyData { url } }';
    const exported = await gql<{ exportMyData: { url: string } }>(server.origin, query, {}, ann.token);
    const ticket = await new DirectClient(server.origin, ann.token).ticket({ fileSize: 5 });
    const swapped = (url: string, signature: string) => {
      const changed = new URL(url);
      changed.searchParams.set('signature', signature);
      return changed.href;
    };
    const right = content.searchParams.get('signature') ?? '';
    const wrong = [
      ...Array.from({ length: 43 }, (_, length) => right.slice(0, length)),
      ...LENGTHS.map((length) => 'A'.repeat(length)),
      ...['=', '==', '.', '%00', ' '].map((more) => right + more),
    ];
    for (const signature of wrong) {
      const link = await fetch(swapped(content.href, signature));
      const data = await fetch(swapped(exported.data?.exportMyData.url ?? '', signature));
      const part = await sendPart(swapped(`${ticket.url}`, signature), 'hello');
      expect([signature.length, link.status, data.status, part.status]).toEqual([
        signature.length,
        403,
        403,
        403,
      ]);
      await Promise.all([link.arrayBuffer(), data.arrayBuffer()]);
    }
  });

  it('made for one thing opens no other', async () => {
    const content = await linkTo(id);
    const ticket = await new DirectClient(server.origin, ann.token).ticket({ fileSize: 5 });
    const part = new URL(`${ticket.url}`);
    const exported = new URL(`${server.origin}/exports/${ann.id}`);
    for (const target of [new URL(content), part, exported]) {
      for (const source of [content, part]) {
        if (source.pathname === target.pathname) continue;
        target.search = source.search;
        const method = target === part ? 'PUT' : 'GET';
        const answer = await fetch(target, { method, ...(method === 'PUT' && { body: 'hello' }) });
        expect([target.pathname, answer.status]).toEqual([target.pathname, 403]);
      }
    }
  });
});
