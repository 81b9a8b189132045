import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Link, LinkClient } from '../../support/link-client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { slowDownload } from '../../support/slow-transfers.ts';

const CONTENT = Buffer.from('What is shared is read by others.\n');
// More bytes than two sockets hold.
const LARGE = 24 * 1024 * 1024;
const PASSWORD = 'open sesame';
const PAGE = { accept: 'text/html' };

let server: RunningServer;
let links: LinkClient;
let file: string;

beforeAll(async () => {
  // A hash takes its time: few wrong passwords show the same as many.
  server = await startServer({ LOG_LEVEL: 'info', RATE_LIMITS: 'link-password=4/900' });
  links = await LinkClient.of(server.origin);
  file = await links.stored(CONTENT, 'a “note” & more.txt');
});
afterAll(() => server.stop());

const get = (url: string, headers: Record<string, string> = {}) =>
  fetch(url, { headers, redirect: 'manual' });
const statusOf = async (url: string, headers: Record<string, string> = {}) => {
  const answer = await get(url, headers);
  await answer.arrayBuffer();
  return answer.status;
};

/** Runs curl and gives what it wrote. */
const curl = async (...parameters: string[]) =>
  (await promisify(execFile)('curl', ['-sS', '--max-time', '10', ...parameters])).stdout;

describe('A share link', () => {
  it('is a page that needs no script, runs nothing and tells nobody where it is', async () => {
    const { url, token, ...link } = await links.share(file, { note: 'for <you>' });
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(url).toBe(`${server.origin}/s/${token}`);
    expect(link).toMatchObject({
      hasPassword: false,
      maxDownloads: null,
      allowDownload: true,
      revokedAt: null,
    });
    const answer = await get(url, PAGE);
    const page = await answer.text();
    expect(answer.status).toBe(200);
    for (const part of [
      'a “note” &amp; more.txt',
      '34 bytes',
      'for &lt;you&gt;',
      `href="/s/${token}/content"`,
    ])
      expect(page).toContain(part);
    expect(page).not.toMatch(/<script|https?:\/\//);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-robots-tag': 'noindex',
      'content-security-policy': expect.stringMatching(
        /^default-src 'none'; style-src 'sha256-[^']+'; img-src 'self' data:;/,
      ),
    });
    expect(await links.now(link.id as string)).toMatchObject({
      url: null,
      token: null,
      opens: 1,
      downloads: 0,
    });
  });

  it('hands the content out to curl, resumed by a range and counted once', async () => {
    const link = await links.share(file, { maxDownloads: 1 });
    const content = `${link.url}/content`;
    expect(await curl('-I', content)).toMatch(/^HTTP\/1.1 200/);
    expect(await curl('--limit-rate', '1M', content)).toBe(CONTENT.toString());
    expect(await curl('-r', '10-', content)).toBe(CONTENT.subarray(10).toString());
    expect((await links.now(link.id)).downloads).toBe(1);
    expect(await statusOf(content)).toBe(410);
    // Another client has no download to go on with.
    expect(await curl('-A', 'another', '-r', '1-', '-o', '/dev/null', '-w', '%{http_code}', content)).toBe(
      '410',
    );
  });

  it('allows exactly so many downloads, however many are tried at once', async () => {
    const link = await links.share(file, { maxDownloads: 7 });
    const tries = Array.from({ length: 50 }, (_, i) =>
      statusOf(`${link.url}/content`, i % 2 ? { 'user-agent': `client ${i}` } : { range: 'bytes=1-' }),
    );
    const codes = await Promise.all(tries);
    const begun = codes.filter((code) => code === 200).length;
    // A try with a range begins a download like any other, or goes on with one, but never beyond the limit.
    expect(begun).toBeLessThanOrEqual(7);
    expect(codes.filter((code) => code === 410).length).toBeGreaterThanOrEqual(50 - 7 - 25);
    expect((await links.now(link.id)).downloads).toBe(7);
  });

  it('shows programs that only look ahead its page, gives them no content, and counts none of it', async () => {
    const link = await links.share(file, { maxDownloads: 1 });
    for (const agent of ['facebookexternalhit/1.1', 'Slackbot-LinkExpanding 1.0', 'WhatsApp/2.23']) {
      expect(await statusOf(link.url, { ...PAGE, 'user-agent': agent })).toBe(200);
      expect(await statusOf(`${link.url}/content`, { 'user-agent': agent })).toBe(403);
    }
    expect(await statusOf(`${link.url}/content`, { 'sec-purpose': 'prefetch' })).toBe(403);
    expect(await links.now(link.id)).toMatchObject({ opens: 0, downloads: 0 });
    expect(await statusOf(`${link.url}/content`)).toBe(200);
  });

  it('shows without handing out where downloads are not allowed', async () => {
    const link = await links.share(file, { allowDownload: false });
    expect(await (await get(link.url, PAGE)).text()).not.toContain('/content"');
    expect(await statusOf(`${link.url}/content`)).toBe(403);
  });

  it('ends what it hands out at once when it is taken back, and stays gone', async () => {
    const link = await links.share(await links.stored(randomBytes(LARGE), 'large.bin'));
    const download = await slowDownload(`${link.url}/content`);
    const began = performance.now();
    await links.revoke(link.id);
    download.hurry();
    expect(await download.ended).toBeLessThan(LARGE);
    expect(performance.now() - began).toBeLessThan(1_500);
    const answer = await get(link.url, PAGE);
    expect([answer.status, await answer.text()]).toEqual([
      410,
      expect.stringContaining('This link has ended'),
    ]);
    expect(await statusOf(`${link.url}/content`)).toBe(410);
    expect(await statusOf(`${server.origin}/s/${'A'.repeat(43)}`, PAGE)).toBe(404);
  });

  it('tells its owner when it was opened and what was fetched, and nobody who that was', async () => {
    const link = await links.share(file);
    for (let i = 0; i < 3; i += 1) await statusOf(link.url, PAGE);
    await statusOf(`${link.url}/content`);
    const query =
      'query ($fileId: ID) { shares(fileId: $fileId, first: 1) { nodes { id opens events { nodes { action fileId } } } } }';
    const { shares } = await links.ask<{ shares: { nodes: Link[] } }>(query, { fileId: file });
    expect(shares.nodes).toEqual([
      {
        id: link.id,
        opens: 3,
        events: {
          nodes: [
            { action: 'SHARE_DOWNLOADED', fileId: file },
            { action: 'SHARE_OPENED', fileId: null },
            { action: 'SHARE_CREATED', fileId: null },
          ],
        },
      },
    ]);
  });

  it('leaves its token out of the log', async () => {
    const link = await links.share(file);
    await statusOf(link.url, PAGE);
    await statusOf(`${link.url}/content`);
    expect(server.log()).toContain('/s/[token]/content');
    expect(server.log()).not.toContain(link.token);
  });
});

describe('A link to a folder', () => {
  it('leads to everything below it and to nothing else, one by one or as a ZIP file that counts once', async () => {
    const top = await links.folder('top');
    const below = await links.folder('below', top);
    const inside = await links.stored(CONTENT, 'inside.txt', below);
    const link = await links.shareFolder(top, { maxDownloads: 2 });
    const page = await (await get(link.url, PAGE)).text();
    expect(page).toContain(`href="/s/${link.token}?folder=${below}"`);
    expect(await (await get(`${link.url}?folder=${below}`, PAGE)).text()).toContain('inside.txt');
    expect(await (await get(`${link.url}/content?file=${inside}`)).text()).toBe(CONTENT.toString());
    const archive = Buffer.from(await (await get(`${link.url}/archive`)).arrayBuffer());
    expect([archive.toString('latin1', 0, 2), archive.includes('inside.txt')]).toEqual(['PK', true]);
    expect(archive.includes(CONTENT)).toBe(true);
    const other = await links.folder('other');
    expect(await statusOf(`${link.url}/content?file=${file}`)).toBe(404);
    expect(await statusOf(`${link.url}?folder=${other}`)).toBe(404);
    expect((await links.now(link.id)).downloads).toBe(2);
    expect(await statusOf(`${link.url}/archive`)).toBe(410);
  });
});

describe('A password of a link', () => {
  let link: Link;
  beforeAll(async () => {
    link = await links.share(file, { password: PASSWORD });
  });

  const enter = (password: string) =>
    fetch(link.url, {
      method: 'POST',
      headers: PAGE,
      body: new URLSearchParams({ password }),
      redirect: 'manual',
    });

  it('is asked for by a form, and remembered by a cookie that only this link gets', async () => {
    const asked = await get(link.url, PAGE);
    expect([asked.status, asked.headers.get('www-authenticate')]).toEqual([401, null]);
    expect(await asked.text()).toMatch(/^(?!.*&amp; more).*type="password"/s);
    expect(await statusOf(`${link.url}/content`)).toBe(401);

    const wrong = await enter('wrong');
    expect([wrong.status, await wrong.text()]).toEqual([
      403,
      expect.stringContaining('not the link’s password'),
    ]);
    const right = await enter(PASSWORD);
    expect([right.status, right.headers.get('location')]).toEqual([303, `/s/${link.token}`]);
    const [cookie = ''] = right.headers.getSetCookie();
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toContain(`Path=/s/${link.token};`);
    expect(cookie).toContain('SameSite=Lax');
    const [pair = ''] = cookie.split(';');
    expect(await statusOf(link.url, { ...PAGE, cookie: pair })).toBe(200);
    expect(await statusOf(`${link.url}/content`, { cookie: pair })).toBe(200);
    expect(
      await statusOf(`${(await links.share(file, { password: PASSWORD })).url}/content`, { cookie: pair }),
    ).toBe(401);
  });

  it('is given by frontends once, for an address that works by itself until the password changes', async () => {
    const query = `query ($token: String!, $password: String) { sharedFile(token: $token, password: $password) { name size contentUrl } }`;
    const asked = (password?: string) =>
      links.ask<{ sharedFile: { contentUrl: string } }>(query, { token: link.token, password }, '');
    await expect(asked()).rejects.toThrow('UNAUTHENTICATED');
    await expect(asked('wrong')).rejects.toThrow('FORBIDDEN');
    const { contentUrl } = (await asked(PASSWORD)).sharedFile;
    expect(await (await get(contentUrl)).text()).toBe(CONTENT.toString());
    const change =
      'mutation ($id: ID!, $input: UpdateShareInput!) { updateShare(id: $id, input: $input) { id } }';
    await links.ask(change, { id: link.id, input: { password: 'another one' } });
    expect(await statusOf(contentUrl)).toBe(401);
  });

  it('cannot be guessed: after so many wrong ones no more are looked at', async () => {
    const codes = await Promise.all(Array.from({ length: 9 }, async () => (await enter('guess')).status));
    // Two wrong ones came before, from the same address.
    expect(codes.toSorted()).toEqual([403, 403, ...Array(7).fill(429)]);
    expect((await enter('another one')).status).toBe(429);
  });
});
