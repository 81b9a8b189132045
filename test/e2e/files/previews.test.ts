import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startCommand } from '../../support/cli.ts';
import { type Account, gql, register, upload } from '../../support/client.ts';
import { blackPng } from '../../support/hostile-images.ts';
import { Inspector } from '../../support/leftovers.ts';
import { masterKey } from '../../support/sealed-server.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const SIZES = { SMALL: 128, MEDIUM: 512, LARGE: 1280 } as const;
const FILE = `query ($id: ID!) { file(id: $id) { processingStatus processingError mimeType downloadUrl
  metadata { width height } ${Object.keys(SIZES)
    .map((size) => `${size}: thumbnailUrl(size: ${size})`)
    .join(' ')} } }`;

interface FileNow extends Record<keyof typeof SIZES, string | null> {
  readonly processingStatus: string;
  readonly processingError: string | null;
  readonly downloadUrl: string;
  readonly metadata: { width: number; height: number } | null;
}

let server: RunningServer;
let owner: Account;
let file: string;

beforeAll(async () => {
  server = await startServer({ ENCRYPTION_KEYS: masterKey('first'), BLOB_GRACE_MINUTES: '0' });
  owner = await register(server.origin);
  file = await add(blackPng(2000, 1000));
});
afterAll(() => server?.stop());

async function add(content: Buffer, filename = 'a picture.png'): Promise<string> {
  const { data, text } = await upload(server.origin, owner.token, { content, filename });
  if (!data) throw new Error(text);
  return data.uploadFile.id;
}

async function look(id: string, token = owner.token): Promise<FileNow | undefined> {
  return (await gql<{ file: FileNow }>(server.origin, FILE, { id }, token)).data?.file;
}

const processed = (id: string) =>
  vi.waitFor(
    async () => {
      const now = await look(id);
      expect(now?.processingStatus).toMatch(/COMPLETED|FAILED/);
      return now as FileNow;
    },
    { timeout: 20_000, interval: 50 },
  );

/** The size that a WebP says it has. */
function sizeOf(webp: Buffer): { width: number; height: number } {
  expect(webp.toString('latin1', 0, 4) + webp.toString('latin1', 8, 12)).toBe('RIFFWEBP');
  const kind = webp.toString('latin1', 12, 16);
  if (kind === 'VP8 ')
    return { width: webp.readUInt16LE(26) & 0x3fff, height: webp.readUInt16LE(28) & 0x3fff };
  if (kind === 'VP8X') return { width: webp.readUIntLE(24, 3) + 1, height: webp.readUIntLE(27, 3) + 1 };
  const bits = webp.readUInt32LE(21);
  return { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1 };
}

describe('A picture that was uploaded', () => {
  it('is served in three sizes, by URLs that need no headers and that browsers may keep', async () => {
    const now = await processed(file);
    expect(now).toMatchObject({
      processingStatus: 'COMPLETED',
      processingError: null,
      metadata: { width: 2000, height: 1000 },
    });
    for (const [name, pixels] of Object.entries(SIZES) as [keyof typeof SIZES, number][]) {
      const answer = await fetch(String(now[name]));
      expect(answer.status).toBe(200);
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'content-type': 'image/webp',
        'content-disposition': 'inline',
        'x-content-type-options': 'nosniff',
        'content-security-policy': "sandbox; default-src 'none'",
        'cache-control': 'private, max-age=3600, immutable',
        'cross-origin-resource-policy': 'cross-origin',
      });
      expect(sizeOf(Buffer.from(await answer.arrayBuffer()))).toEqual({ width: pixels, height: pixels / 2 });
      const kept = { 'if-none-match': String(answer.headers.get('etag')) };
      expect((await fetch(String(now[name]), { headers: kept })).status).toBe(304);
      const head = await fetch(String(now[name]), { method: 'HEAD' });
      expect(head.headers.get('content-length')).toBe(answer.headers.get('content-length'));
    }
    // The same URL again, or browsers would fetch every picture anew with every list.
    expect((await look(file))?.SMALL).toBe(now.SMALL);
  });

  it('is encrypted at rest, and so are its previews', async () => {
    const folder = join(server.dataPath, 'blobs');
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const objects = entries.filter((entry) => entry.isFile());
    expect(objects.length).toBeGreaterThanOrEqual(4);
    for (const { parentPath, name } of objects) {
      const bytes = await readFile(join(parentPath, name));
      expect(bytes.includes('WEBP') || bytes.includes('PNG')).toBe(false);
    }
  });

  it('is shown to nobody who may not see the file, and by no link but its own', async () => {
    const stranger = await register(server.origin);
    const { SMALL, downloadUrl } = await processed(file);
    const [thumbnail, content] = [new URL(String(SMALL)), new URL(downloadUrl)];
    const plain = `${server.origin}${thumbnail.pathname}`;
    const bearer = ({ token }: Account) => ({ headers: { authorization: `Bearer ${token}` } });
    const status = async (url: string, options = {}) => (await fetch(url, options)).status;
    expect(await status(plain, bearer(owner))).toBe(200);
    expect(await status(plain)).toBe(404);
    expect(await status(plain, bearer(stranger))).toBe(404);
    expect(await status(plain.replace('/128', '/129'), bearer(owner))).toBe(404);
    expect(await status(`${SMALL}`.replace('/128', '/512'))).toBe(403);
    expect(await status(`${SMALL}`.replace(/of=\w/, 'of=z'))).toBe(403);
    expect(await status(`${plain}${content.search}`)).toBe(403);
    expect(await status(`${server.origin}${content.pathname}${thumbnail.search}`)).toBe(403);

    const update = `mutation ($id: ID!, $isPublic: Boolean!) { updateFile(id: $id, input: { isPublic: $isPublic }) { id } }`;
    await gql(server.origin, update, { id: file, isPublic: true }, owner.token);
    expect(await status(plain)).toBe(200);
    await gql(server.origin, update, { id: file, isPublic: false }, owner.token);
    expect(await status(plain)).toBe(404);
  });

  it('is made anew when its store has lost a preview', async () => {
    const id = await add(blackPng(300, 200));
    const { SMALL } = await processed(id);
    const { files, blobs } = await inventory();
    const blob = blobs.find(({ _id }) => _id.equals(files.find((each) => String(each._id) === id)?.blob));
    const key = String(blob?.previews.find(({ pixels }: { pixels: number }) => pixels === 128).key);
    const entries = await readdir(join(server.dataPath, 'blobs'), { recursive: true, withFileTypes: true });
    const entry = entries.find(({ name }) => name === key);
    await rm(join(String(entry?.parentPath), key));
    expect((await fetch(String(SMALL))).status).toBe(404);
    await startCommand(['jobs', 'run', 'process'], { env: server.env, cwd: server.dataPath }).ended;
    await vi.waitFor(async () => expect((await fetch(String((await look(id))?.SMALL))).status).toBe(200), {
      timeout: 15_000,
    });
  });
});

describe('What has no preview', () => {
  it('says why, and what failed is told and tried again by `imaginary jobs`', async () => {
    const run = (...args: string[]) =>
      startCommand(['jobs', ...args], { env: server.env, cwd: server.dataPath }).ended;
    const damaged = await add(blackPng(900, 900).subarray(0, 60));
    const text = await add(Buffer.from('only words'), 'a.txt');
    expect(await look(text)).toMatchObject({ processingStatus: 'COMPLETED', SMALL: null });
    const failed = await processed(damaged);
    expect(failed).toMatchObject({ processingStatus: 'FAILED', SMALL: null });
    expect(failed.processingError).toBeTruthy();

    const [status, list] = await Promise.all([run('status'), run('failed')]);
    expect(status.stdout).toMatch(/^waiting +0\nrunning +0\nfailed +1\n$/);
    expect(list.stdout).toContain(String(failed.processingError));
    expect(await run('retry', damaged)).toMatchObject({ code: 0, stdout: '1 content will be processed.\n' });
    expect(await processed(damaged)).toMatchObject({ processingStatus: 'FAILED' });
  });

  it('is said by the health where a program is missing, which stays ready', async () => {
    const answer = await fetch(`${server.origin}/health/ready`);
    expect(answer.status).toBe(200);
    const { checks } = (await answer.json()) as { checks: Record<string, { status: string }> };
    expect(Object.keys(checks)).toEqual(expect.arrayContaining(['pdftoppm', 'ffmpeg']));
  });
});

/** Every document about contents. */
async function inventory() {
  const inspector = await Inspector.of(server);
  try {
    const all = (name: string) => inspector.connection.collection(name).find().toArray();
    return { files: await all('files'), blobs: await all('blobs') };
  } finally {
    await inspector.close();
  }
}
