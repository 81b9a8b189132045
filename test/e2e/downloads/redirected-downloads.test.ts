import { createHash, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../support/backend.ts';
import { newAzureContainer } from '../../support/backends/azure-container.ts';
import { newGcsBucket } from '../../support/backends/gcs-bucket.ts';
import { newS3Bucket } from '../../support/backends/s3-bucket.ts';
import { type Account, gql, pause, register, upload } from '../../support/client.ts';
import { Inspector } from '../../support/leftovers.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const PROVIDERS: [string, () => Promise<Backend>][] = [
  ['aws', newS3Bucket],
  ['gcp', newGcsBucket],
  ['azure', newAzureContainer],
];
const APP = 'https://app.example.org';
const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex');
const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

describe.each(PROVIDERS)('With DOWNLOAD_MODE=redirect and %s', (provider, newBucket) => {
  let backend: Backend;
  let server: RunningServer;
  let inspector: Inspector;
  let ann: Account;

  beforeAll(async () => {
    backend = await newBucket();
    server = await startServer({
      ...backend.env,
      STORAGE_PROVIDER: provider,
      STORAGE_PROVIDERS: 'local',
      DOWNLOAD_MODE: 'redirect',
      CORS_ORIGIN: APP,
    });
    inspector = await Inspector.of(server);
    ann = await register(server.origin);
  });
  afterAll(async () => {
    await inspector.close();
    await server.stop();
  });

  const stored = async (content: Buffer, filename = 'a.bin', type = 'application/octet-stream') => {
    const { data, text } = await upload(server.origin, ann.token, { content, filename, type });
    if (!data) throw new Error(text);
    return data.uploadFile;
  };
  const ask = (id: string, headers: Record<string, string> = {}, method = 'GET', query = '') =>
    fetch(`${server.origin}/files/${id}/content${query}`, {
      method,
      redirect: 'manual',
      headers: { authorization: `Bearer ${ann.token}`, ...headers },
    });
  const counted = async (id: string) => {
    const query = 'query ($id: ID!) { file(id: $id) { downloadCount } }';
    const { data } = await gql<{ file: { downloadCount: number } }>(server.origin, query, { id }, ann.token);
    return data?.file.downloadCount;
  };

  it.each([
    ['a.bin', 'application/octet-stream', ''],
    ['naïve – 文件 €.txt', 'text/plain; charset=utf-8', '?disposition=inline'],
    ['it’s; a "page".html', 'text/html', '?disposition=inline'],
    ['a.png', 'image/png', '?disposition=inline'],
  ])('%s is answered by the provider as it would be here', async (filename, type, query) => {
    const content = filename === 'a.png' ? PNG : randomBytes(100_000);
    const { id } = await stored(content, filename.replaceAll('"', '\\"'), type);
    const here = await ask(id, {}, 'HEAD', query);
    expect(here.status).toBe(200);
    expect(here.headers.get('content-length')).toBe(`${content.length}`);
    const sent = await ask(id, { origin: APP }, 'GET', query);
    expect(sent.status).toBe(302);
    expect(sent.headers.get('cache-control')).toBe('private, no-store');
    expect(sent.headers.get('access-control-allow-origin')).toBe(APP);
    expect(sent.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(sent.headers.get('referrer-policy')).toBe('no-referrer');
    for (const name of ['etag', 'last-modified', 'content-type', 'content-disposition', 'content-range']) {
      expect(sent.headers.get(name)).toBeNull();
    }
    const location = `${sent.headers.get('location')}`;
    expect(new URL(location).origin).toBe(backend.origin);
    const there = await fetch(location);
    expect(there.status).toBe(200);
    for (const name of ['content-type', 'content-disposition', 'content-length']) {
      expect(there.headers.get(name)).toBe(here.headers.get(name));
    }
    expect(sha256(Buffer.from(await there.arrayBuffer()))).toBe(sha256(content));
  });

  it('a client that follows gets the range that it asked for, and only its beginning is counted', async () => {
    const content = randomBytes(10_000);
    const { id } = await stored(content);
    const link = await gql<{ file: { downloadUrl: string } }>(
      server.origin,
      'query ($id: ID!) { file(id: $id) { downloadUrl } }',
      { id },
      ann.token,
    );
    const url = `${link.data?.file.downloadUrl}`;
    const tail = await fetch(url, { headers: { range: 'bytes=9000-' } });
    expect([tail.status, tail.headers.get('content-range')]).toEqual([206, 'bytes 9000-9999/10000']);
    expect(Buffer.from(await tail.arrayBuffer()).equals(content.subarray(9_000))).toBe(true);
    expect(await counted(id)).toBe(0);
    expect(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(content)).toBe(true);
    await (await ask(id, {}, 'HEAD')).arrayBuffer();
    for (let i = 0; i < 100 && (await counted(id)) === 0; i += 1) await pause(10);
    expect(await counted(id)).toBe(1);
  });

  it('what needs no bytes is decided here, and a condition that holds is not put to the provider', async () => {
    const { id, fileHash } = await stored(randomBytes(1_000));
    const status = async (headers: Record<string, string>) => (await ask(id, headers)).status;
    expect(await status({ 'if-none-match': `"${fileHash}"` })).toBe(304);
    expect(await status({ 'if-match': '"other"' })).toBe(412);
    expect(await status({ range: 'bytes=1000-' })).toBe(416);
    expect(await status({ 'if-match': `"${fileHash}"` })).toBe(200);
    expect(await status({ 'if-modified-since': new Date(0).toUTCString() })).toBe(200);
    expect(await status({ range: 'bytes=0-9', 'if-range': `"${fileHash}"` })).toBe(206);
    expect(await status({ range: 'bytes=0-9', 'if-range': '"other"' })).toBe(200);
    expect(await status({ range: 'bytes=0-9' })).toBe(302);
  });

  it('nobody is sent on who may not have the file', async () => {
    const { id } = await stored(randomBytes(1_000));
    const eve = await register(server.origin);
    expect((await ask(id, { authorization: `Bearer ${eve.token}` })).status).toBe(404);
    expect((await ask(id, { authorization: 'Bearer x' })).status).toBe(401);
    expect((await ask(id, {}, 'GET', '?disposition=inline&expires=1&signature=x')).status).toBe(403);
  });

  it('a copy that is missing is answered here, from another one where there is one', async () => {
    const content = randomBytes(1_000);
    const { id, fileHash } = await stored(content);
    const key = randomBytes(16).toString('hex');
    const blobs = inspector.connection.collection('blobs');
    // As if the object were gone: its document names one that never was.
    await blobs.updateOne({ hash: fileHash }, { $set: { key } });
    const lost = await ask(id);
    expect([lost.status, await lost.text()]).toEqual([503, expect.stringContaining('STORAGE_UNAVAILABLE')]);
    const folder = join(server.dataPath, 'blobs');
    await mkdir(join(folder, key.slice(0, 2)), { recursive: true });
    await writeFile(join(folder, key.slice(0, 2), key), content);
    const replicas = [{ provider: 'local', location: folder, key }];
    await blobs.updateOne({ hash: fileHash }, { $set: { replicas } });
    const healed = await ask(id);
    expect(healed.status).toBe(200);
    expect(Buffer.from(await healed.arrayBuffer()).equals(content)).toBe(true);
  });

  it('encrypted content is never sent on', async () => {
    const content = randomBytes(1_000);
    const { id, fileName } = await stored(content);
    const files = inspector.connection.collection('files');
    await files.updateOne({ fileName }, { $set: { 'encryption.isEncrypted': true } });
    expect((await ask(id)).status).toBe(200);
  });
});

it('files of the local provider come from here, whatever the mode', async () => {
  const server = await startServer({ DOWNLOAD_MODE: 'redirect' });
  const { token } = await register(server.origin);
  const { data } = await upload(server.origin, token, { content: 'hello' });
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${server.origin}/files/${data?.uploadFile.id}/content`, {
    headers,
    redirect: 'manual',
  });
  expect([answer.status, await answer.text()]).toEqual([200, 'hello']);
  await server.stop();
});
