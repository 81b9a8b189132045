import { createHash, randomBytes } from 'node:crypto';
import { readdir, readlink, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, gql, register, upload } from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const CONTENT = randomBytes(100_000);
const ETAG = `"${createHash('sha256').update(CONTENT).digest('hex')}"`;
let server: RunningServer;
let owner: Account;
let kept: string;

beforeAll(async () => {
  server = await startServer({ SHUTDOWN_GRACE_SECONDS: '1' });
  owner = await register(server.origin);
  kept = await stored(CONTENT);
});
afterAll(() => server.stop());

async function stored(content: Buffer): Promise<string> {
  const answer = await upload(server.origin, owner.token, { content });
  if (!answer.data) throw new Error(answer.text);
  return answer.data.uploadFile.id;
}

interface Options {
  readonly file?: string;
  readonly method?: string;
  readonly signal?: AbortSignal | null;
}

const get = (
  headers: Record<string, string> = {},
  { file = kept, method = 'GET', signal = null }: Options = {},
) =>
  fetch(`${server.origin}/files/${file}/content`, {
    method,
    signal,
    headers: { authorization: `Bearer ${owner.token}`, ...headers },
  });

async function fileOf(file: string) {
  const query = 'query ($id: ID!) { file(id: $id) { downloadCount lastDownloaded updatedAt } }';
  const { data } = await gql<{
    file: { downloadCount: number; lastDownloaded: string | null; updatedAt: string };
  }>(server.origin, query, { id: file }, owner.token);
  if (!data) throw new Error('no file');
  return data.file;
}

async function statusOf(answer: Promise<Response>): Promise<number> {
  const { status, body } = await answer;
  await body?.cancel();
  return status;
}

describe('Many at once and broken ones', () => {
  it('fifty parallel downloads are all exact', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, async () => (await get()).arrayBuffer()));
    for (const bytes of answers) expect(CONTENT.equals(Buffer.from(bytes))).toBe(true);
  });

  it('a client that goes away closes what the store had opened for it', async () => {
    const id = await stored(Buffer.alloc(48 * 1024 * 1024, 7));
    const blobs = async () => {
      const links = await readdir(`/proc/${server.pid}/fd`);
      const targets = await Promise.all(
        links.map((fd) => readlink(`/proc/${server.pid}/fd/${fd}`).catch(() => '')),
      );
      return targets.filter((target) => target.startsWith(join(server.dataPath, 'blobs'))).length;
    };
    const leave = async (milliseconds: number) => {
      const away = new AbortController();
      const answer = get({}, { file: id, signal: away.signal });
      await Promise.race([pause(milliseconds), answer.then((it) => it.body?.getReader().read())]);
      away.abort();
      await answer.catch(() => undefined);
    };
    const reading = get({}, { file: id });
    const reader = (await reading).body?.getReader();
    await reader?.read();
    expect(await blobs()).toBeGreaterThan(0);
    await reader?.cancel();
    // Some leave in the middle, some while the store is still opening.
    await Promise.all(Array.from({ length: 40 }, (_, i) => leave(i < 10 ? 1000 : i % 13)));
    for (let tries = 0; tries < 50 && (await blobs()) > 0; tries += 1) await pause(100);
    expect(await blobs()).toBe(0);
  });

  it('bytes that the store lost are 503 before anything of the file is said', async () => {
    await stored(randomBytes(10));
    const root = join(server.dataPath, 'blobs');
    await rename(root, `${root}.away`);
    const answer = await get({ range: 'bytes=0-9' });
    await rename(`${root}.away`, root);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error: { code: 'STORAGE_UNAVAILABLE' } });
    for (const name of ['content-disposition', 'content-range', 'etag', 'last-modified']) {
      expect([name, answer.headers.get(name)]).toEqual([name, null]);
    }
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await statusOf(get())).toBe(200);
  });
});

describe('The count of downloads', () => {
  it('counts what begins at byte 0, once each, and changes nothing else', async () => {
    const file = await stored(CONTENT);
    const before = await fileOf(file);
    const counts = async (headers: Record<string, string>, method = 'GET') => {
      await (await get(headers, { file, method })).arrayBuffer();
      await pause(150);
      return (await fileOf(file)).downloadCount;
    };
    expect(before).toMatchObject({ downloadCount: 0, lastDownloaded: null });
    expect(await counts({}, 'HEAD')).toBe(0);
    expect(await counts({})).toBe(1);
    expect(await counts({ range: 'bytes=0-' })).toBe(2);
    expect(await counts({ range: 'bytes=1-' })).toBe(2);
    expect(await counts({ range: 'bytes=-5' })).toBe(2);
    expect(await counts({ 'if-none-match': ETAG })).toBe(2);
    expect(await counts({ 'if-match': '"x"' })).toBe(2);
    expect(await counts({ range: `bytes=${CONTENT.length}-` })).toBe(2);
    await Promise.all(Array.from({ length: 20 }, async () => (await get({}, { file })).arrayBuffer()));
    expect(await counts({ range: 'bytes=5-', 'if-range': '"x"' })).toBe(23);
    const after = await fileOf(file);
    expect(after.updatedAt).toBe(before.updatedAt);
    expect(Date.now() - Date.parse(after.lastDownloaded ?? '')).toBeLessThan(60_000);
  });
});
