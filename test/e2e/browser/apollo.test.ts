import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBrowser } from '../../support/browser.ts';
import { upload } from '../../support/client.ts';
import { blackPng } from '../../support/hostile-images.ts';
import { type PageSite, startPageSite } from '../../support/page-site.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import type { app as App } from './apollo-page.ts';

// What is called so exists in the page, where the functions that name it run.
declare const app: typeof App;

const CONTENT = randomBytes(5_000_000);
const PASSWORD = 'open sesame';
const USERNAME = `user_${randomBytes(6).toString('hex')}`;

let site: PageSite;
let server: RunningServer;
let browser: Browser;
let page: Page;
let token: string;
let file: string;

beforeAll(async () => {
  const [serving, started] = await Promise.all([
    startPageSite(new URL('./apollo-page.ts', import.meta.url), '<input type="file"><img alt="Preview">'),
    startBrowser(),
  ]);
  [site, browser] = [serving, started];
  server = await startServer({ CORS_ORIGIN: site.origin });
  page = await browser.newPage();
  await page.goto(`${site.origin}/?api=${server.origin}`);
  token = await page.evaluate((name) => app.enter(name), USERNAME);
  await page.evaluate(() => app.watch());
});

afterAll(async () => {
  await browser?.close();
  await Promise.all([site?.stop(), server?.stop()]);
});

describe('Apollo Client in Chromium, on a page of another origin', () => {
  it('follows its upload of 5 MB into a folder from the first bytes to the end, and lists it there', async () => {
    const folder = (await page.evaluate(() => app.makeFolder('Trip'))) ?? '';
    await page.setInputFiles('input', {
      name: 'Ärger & Glück.bin',
      mimeType: 'application/octet-stream',
      buffer: CONTENT,
    });
    // As over a line of 5 MB/s.
    const devtools = await page.context().newCDPSession(page);
    const line = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 5_000_000 };
    await devtools.send('Network.emulateNetworkConditions', line);
    file = (await page.evaluate((id) => app.upload(id), folder)) ?? '';
    await devtools.detach();

    const told = await page.evaluate(() => app.progress);
    const received = told.map(({ receivedBytes }) => receivedBytes);
    expect(told[0]).toMatchObject({ fileId: file, phase: 'RECEIVING' });
    expect(received).toEqual(received.toSorted((one, other) => one - other));
    expect(received.filter((bytes) => bytes > 0 && bytes < CONTENT.length).length).toBeGreaterThan(0);
    expect(told.at(-1)).toMatchObject({ phase: 'COMPLETED', receivedBytes: CONTENT.length, stored: true });
    expect(await page.evaluate((id) => app.list(id), folder)).toEqual(['Ärger & Glück.bin 5000000']);
  });

  it('is told of a picture that another client uploads, and shows its preview once there is one', async () => {
    const picture = { content: blackPng(800, 600), filename: 'night.png' };
    const { data } = await upload(server.origin, token, picture);
    await page.waitForFunction(() => app.changes.includes('PROCESSED night.png'));
    expect(await page.evaluate(() => app.changes)).toContain('CREATED night.png');

    await page.evaluate((id) => app.show(id), data?.uploadFile.id ?? '');
    const size = await page.locator('img').evaluate(async (image) => {
      await image.decode();
      return [image.naturalWidth, image.naturalHeight];
    });
    expect(size).toEqual([128, 96]);
  });

  it('is still logged in after a reload, by a cookie that no script sees', async () => {
    await page.reload();
    expect(await page.evaluate(() => app.comeBack())).toBe(USERNAME);
    expect(await page.evaluate('document.cookie')).toBe('');
  });
});

describe('A share link that the page made, opened where no script runs', () => {
  it('asks for its password, shows what is shared and downloads it byte for byte', async () => {
    const url = await page.evaluate(([id, password]) => app.share(id, { password }), [
      file,
      PASSWORD,
    ] as const);
    const visitor = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
    const enter = async (password: string) => {
      await visitor.getByLabel('Password').fill(password);
      await visitor.getByRole('button').click();
    };
    await visitor.goto(url ?? '');
    expect(await visitor.title()).toBe('A password is needed');
    await enter('close sesame');
    expect(await visitor.getByRole('alert').textContent()).toContain('not the link’s password');

    await enter(PASSWORD);
    await visitor.waitForURL(url ?? '');
    expect(await visitor.getByRole('heading').textContent()).toBe('Ärger & Glück.bin');
    expect(await visitor.getByText('5 MB').count()).toBe(1);
    const downloading = visitor.waitForEvent('download');
    await visitor.getByRole('link', { name: 'Download' }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toBe('Ärger & Glück.bin');
    expect((await readFile(await download.path())).equals(CONTENT)).toBe(true);
  });
});
