import { afterAll, beforeAll, expect, test } from 'vitest';
import { newAzureContainer } from '../../support/backends/azure-container.ts';
import { type Account, register } from '../../support/client.ts';
import { DirectClient } from '../../support/direct-upload.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

// What proxies commonly take as the head of an answer.
const MOST_HEAD = 4_096;

let server: RunningServer;
let ann: Account;

beforeAll(async () => {
  const { env } = await newAzureContainer();
  server = await startServer({ ...env, STORAGE_PROVIDER: 'azure', DOWNLOAD_MODE: 'redirect' });
  ann = await register(server.origin);
});
afterAll(() => server.stop());

test.each([
  ['an ASCII name of 255 characters', 'a'.repeat(255), 302],
  ['40 characters that are none of ASCII', '文'.repeat(40), 302],
  ['255 characters that are none of ASCII', '文'.repeat(255), 200],
])('a download under %s passes through proxies', async (_what, originalName, status) => {
  const client = new DirectClient(server.origin, ann.token);
  const { file } = await client.upload(Buffer.from('hello'), { originalName, mimeType: 'text/plain' });
  const answer = await fetch(`${server.origin}/files/${file?.id}/content`, {
    redirect: 'manual',
    headers: { authorization: `Bearer ${ann.token}` },
  });
  expect(answer.status).toBe(status);
  const head = [...answer.headers].reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
  expect(head).toBeLessThan(MOST_HEAD);
  if (status === 200) expect(await answer.text()).toBe('hello');
});
