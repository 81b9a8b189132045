import { access } from 'node:fs/promises';
import { type Browser, chromium } from 'playwright-core';

// Nothing that a browser does of its own accord: it asks no other host, and keeps nothing.
const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Starts a Chromium of this test’s own, with a new profile that is removed when it is closed; it ends with this
 * process in any case. Rejects where there is none.
 */
export async function startBrowser(): Promise<Browser> {
  const executablePath = process.env.TEST_CHROMIUM;
  if (!executablePath) throw new Error('TEST_CHROMIUM names no browser: run the tests with vitest');
  await access(executablePath).catch((cause) => {
    throw new Error(`TEST_CHROMIUM names no program: ${executablePath}`, { cause });
  });
  return chromium.launch({ executablePath, args: FLAGS, timeout: 60_000 });
}
