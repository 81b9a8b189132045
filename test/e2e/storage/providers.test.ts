import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../support/backend.ts';
import { newAzureContainer } from '../../support/backends/azure-container.ts';
import { newGcsBucket } from '../../support/backends/gcs-bucket.ts';
import { newS3Bucket } from '../../support/backends/s3-bucket.ts';
import {
  type Account,
  gql,
  multipart,
  operationParts,
  pause,
  register,
  send,
  UPLOAD_FILE,
  upload,
  uploadHeaders,
} from '../../support/client.ts';
import { documents } from '../../support/documents.ts';
import { runExamples } from '../../support/examples.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const MIB = 1024 * 1024;
const PROVIDERS: [string, () => Promise<Backend>][] = [
  ['aws', newS3Bucket],
  ['gcp', newGcsBucket],
  ['azure', newAzureContainer],
];

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');
const readme = documents().filter(({ path }) => path === 'README.md');

describe.each(PROVIDERS)('With nothing but the variables of %s changed', (provider, newBucket) => {
  let server: RunningServer;
  let ann: Account;
  beforeAll(async () => {
    const { env } = await newBucket();
    server = await startServer({ ...env, STORAGE_PROVIDER: provider });
    ann = await register(server.origin);
  });
  afterAll(() => server.stop());

  const download = (id: string, headers: Record<string, string> = {}) =>
    fetch(`${server.origin}/files/${id}/content`, {
      headers: { authorization: `Bearer ${ann.token}`, ...headers },
    });
  const usedBytes = async () => {
    const query = '{ me { usage { usedBytes } } }';
    const { data } = await gql<{ me: { usage: { usedBytes: number } } }>(server.origin, query, {}, ann.token);
    return data?.me.usage.usedBytes;
  };

  it.each(readme)('the first session of $path goes as it is told', { timeout: 120_000 }, async (document) => {
    const { env } = await newBucket();
    const fresh = await startServer({ ...env, STORAGE_PROVIDER: provider });
    try {
      expect(await runExamples(document, fresh)).toEqual([]);
    } finally {
      await fresh.stop();
    }
  });

  it('a file of several parts comes back whole, and in ranges', async () => {
    const content = randomBytes(12 * MIB + 17);
    const { data, text } = await upload(server.origin, ann.token, { content });
    expect(data?.uploadFile, text).toMatchObject({ fileSize: content.length, fileHash: sha256(content) });
    const id = data?.uploadFile.id ?? '';
    expect(sha256(Buffer.from(await (await download(id)).arrayBuffer()))).toBe(sha256(content));
    const tail = await download(id, { range: 'bytes=-1000' });
    expect(tail.status).toBe(206);
    expect(Buffer.from(await tail.arrayBuffer()).equals(content.subarray(-1000))).toBe(true);
    const file = await gql<{ file: { storageProvider: string } }>(
      server.origin,
      'query ($id: ID!) { file(id: $id) { storageProvider } }',
      { id },
      ann.token,
    );
    expect(file.data?.file.storageProvider).toBe(provider.toUpperCase());
  });

  it('ready means that the provider answers', async () => {
    expect((await send(server.origin, { method: 'GET', path: '/health/ready' })).status).toBe(200);
  });

  it('a client that vanishes halfway costs its account nothing', async () => {
    const before = await usedBytes();
    const fields = operationParts(UPLOAD_FILE, { file: null }, { 0: ['variables.file'] });
    const body = multipart([...fields, { name: '0', filename: 'a.bin', content: randomBytes(14 * MIB) }]);
    const connection = await RawConnection.open(server.origin);
    connection.begin({ ...uploadHeaders(ann.token), 'content-length': String(body.length) });
    connection.socket.write(body.subarray(0, 9 * MIB));
    await expect.poll(usedBytes, { timeout: 10_000 }).toBeGreaterThan(before ?? 0);
    await pause(100);
    connection.socket.destroy();
    await expect.poll(usedBytes, { timeout: 20_000 }).toBe(before);
  });
});
