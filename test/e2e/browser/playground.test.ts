import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startBrowser } from '../../support/browser.ts';
import { type Account, register, upload } from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const SUBSCRIPTION = 'subscription { fileChanged { kind file { originalName } } }';

let server: RunningServer;
let browser: Browser;
let page: Page;
let account: Account;

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), startBrowser()]);
  account = await register(server.origin);
  page = await browser.newPage();
});
afterAll(() => Promise.all([browser?.close(), server?.stop()]));

/** Replaces the text of the editor that holds this one; its own brackets and completions keep out of the way. */
async function write(held: string, text: string): Promise<void> {
  const editor = page.locator('.CodeMirror').filter({ hasText: held });
  await editor.evaluate((element, value) => {
    const { CodeMirror } = element as unknown as { CodeMirror: { setValue(text: string): void } };
    CodeMirror.setValue(value);
  }, text);
}

async function run(): Promise<void> {
  await page.locator('.CodeMirror').filter({ hasText: 'fileChanged' }).first().click();
  await page.keyboard.press('Control+Enter');
}

const shown = async () => (await page.locator('body').textContent()) ?? '';

it('runs a subscription: says what is wrong without a token, and with one shows each change as it comes', async () => {
  const complaints: string[] = [];
  page.on('pageerror', ({ message }) => complaints.push(message));
  await page.goto(`${server.origin}/graphql`);
  await write('__typename', SUBSCRIPTION);
  await run();
  await vi.waitFor(async () => expect(await shown()).toContain('UNAUTHENTICATED'), 10_000);

  await page.getByText(/^HTTP Headers/).click();
  await write('apollo-require-preflight', JSON.stringify({ authorization: `Bearer ${account.token}` }));
  await run();
  const change = async () => {
    // It may not listen yet.
    await upload(server.origin, account.token, { content: 'hello', filename: 'from elsewhere.txt' });
    const text = await shown();
    expect(text).toMatch(/"kind": "CREATED",\s+"file": \{\s+"originalName": "from elsewhere\.txt"/);
    expect(text).toContain('Listening');
  };
  await vi.waitFor(change, { timeout: 10_000, interval: 300 });
  expect(complaints).toEqual([]);
});
