import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BlobStore, type DirectStore, newBlobKey } from '../../src/blobs/blob-store.ts';
import { problems } from '../../src/blobs/s3-store.ts';
import type { Backend } from '../support/backend.ts';
import { newS3Bucket } from '../support/backends/s3-bucket.ts';
import { conformance } from './conformance.ts';
import { openVariables } from './open-variables.ts';
import { sourceOf, stalledAfter } from './sources.ts';

const MiB = 1024 * 1024;
const AN_HOUR = 3_600_000;
const WRITER = new URL('s3/writer-child.ts', import.meta.url);

let backend: Backend;
beforeAll(async () => {
  backend = await newS3Bucket();
});

conformance('Amazon S3', () => openVariables('aws', backend.env), {
  backend: () => backend,
  holdsSize: true,
});

describe('the store of Amazon S3', () => {
  it('finds what a killed writer left, and nothing before its time', { timeout: 60_000 }, async () => {
    const own = await newS3Bucket();
    const store = await openVariables('aws', own.env);
    const child = fork(WRITER, { env: { ...process.env, ...own.env } });
    const later = () => new Date(Date.now() + AN_HOUR);
    const count = () => store.sweepUnfinished(later(), { countOnly: true });
    await expect.poll(count, { timeout: 30_000 }).toBe(1);
    child.kill('SIGKILL');
    await once(child, 'exit');

    expect(await store.sweepUnfinished(new Date(Date.now() - AN_HOUR))).toBe(0);
    expect(await count()).toBe(1);
    expect(await Array.fromAsync(store.list())).toEqual([]);
    expect(await store.sweepUnfinished(later())).toBe(1);
    expect(await count()).toBe(0);
    await store.close();
  });

  it('rejects a put that cannot succeed without waiting for a source that has stalled', async () => {
    const store = await openVariables('aws', backend.env);
    const key = newBlobKey();
    await store.put(key, sourceOf(10));
    const source = stalledAfter(100);
    await expect(store.put(key, source)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(source.destroyed).toBe(true);
    await store.close();
  });

  it('needs a bucket, and both halves of a key or none', () => {
    const settings = {
      AWS_REGION: 'us-east-1',
      AWS_S3_FORCE_PATH_STYLE: false,
      STORAGE_PART_SIZE: 5 * MiB,
      STORAGE_PARTS_IN_FLIGHT: 2,
      STORAGE_TIMEOUT_SECONDS: 30,
      STORAGE_CONNECTIONS: 100,
    };
    expect(problems({ ...settings, AWS_S3_BUCKET: 'blobs' })).toEqual([]);
    expect(problems(settings)).toEqual([expect.stringMatching(/^AWS_S3_BUCKET /)]);
    const halves = [{ AWS_ACCESS_KEY_ID: 'a' }, { AWS_SECRET_ACCESS_KEY: 'b' }];
    for (const half of halves) {
      expect(problems({ ...settings, AWS_S3_BUCKET: 'blobs', ...half })).toEqual([
        expect.stringMatching(/^AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY /),
      ]);
    }
  });
});

describe('what the store of Amazon S3 sends', () => {
  // It tells what a service would be asked, and answers as one that lacks everything and takes everything.
  let server: Server;
  let requests: IncomingMessage[] = [];
  let origin: string;
  const opened: BlobStore[] = [];
  const openWith = async (variables: Record<string, string>) => {
    const store = await openVariables('aws', { ...backend.at(origin), ...variables });
    opened.push(store);
    requests = [];
    return store as DirectStore;
  };
  beforeAll(async () => {
    server = createServer((request, response) => {
      requests.push(request);
      request.resume().on('end', () => {
        if (request.method === 'HEAD') response.statusCode = 404;
        response.setHeader('etag', '"etag"');
        if (request.method !== 'POST') response.end();
        else response.end(/[?&]uploads/.test(request.url ?? '') ? BEGUN : COMPLETED);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    for (const store of opened) await store.close();
    server.close();
  });

  it.each([
    ['AES256', 'AES256', undefined],
    ['aws:kms', 'aws:kms', undefined],
    ['aws:kms=arn:aws:kms:eu-west-1:1:key/a=b', 'aws:kms', 'arn:aws:kms:eu-west-1:1:key/a=b'],
  ])('asks for the encryption %j with each new object', async (setting, algorithm, keyId) => {
    const store = await openWith({ AWS_S3_SSE: setting });
    await store.put(newBlobKey(), sourceOf(100));
    await store.put(newBlobKey(), sourceOf(6 * MiB));
    const making = requests.filter(
      ({ method, url }) => (method === 'PUT' && !url?.includes('partNumber')) || url?.includes('?uploads'),
    );
    expect(making).toHaveLength(2);
    for (const { headers } of making) {
      expect(headers['x-amz-server-side-encryption']).toBe(algorithm);
      expect(headers['x-amz-server-side-encryption-aws-kms-key-id']).toBe(keyId);
    }
    const { url, headers } = await store.uploadAddress(newBlobKey(), { expiresInSeconds: 60, size: 1 });
    expect(headers['x-amz-server-side-encryption']).toBe(algorithm);
    expect(headers['x-amz-server-side-encryption-aws-kms-key-id']).toBe(keyId);
    expect(new URL(url).searchParams.get('X-Amz-SignedHeaders')).toContain('x-amz-server-side-encryption');
  });

  it('asks for none where none is set', async () => {
    const store = await openWith({});
    await store.put(newBlobKey(), sourceOf(100));
    const [put] = requests.filter(({ method }) => method === 'PUT');
    expect(put?.headers).not.toHaveProperty('x-amz-server-side-encryption');
    const address = await store.uploadAddress(newBlobKey(), { expiresInSeconds: 60, size: 1 });
    expect(address.headers).toEqual({});
  });

  it('makes every object only where there is none, whether at once or in parts', async () => {
    const store = await openWith({});
    await store.put(newBlobKey(), sourceOf(100));
    await store.put(newBlobKey(), sourceOf(6 * MiB));
    const making = requests.filter(({ url }) => /x-id=(?:PutObject)|\?uploadId=/.test(url ?? ''));
    expect(making).toHaveLength(2);
    for (const { headers } of making) expect(headers['if-none-match']).toBe('*');
  });

  it('makes the parts so large that the most that can come fits into 10,000 of them', async () => {
    const store = await openWith({});
    await store.put(newBlobKey(), sourceOf(20 * MiB), { atMost: 80_000 * MiB });
    const parts = requests.filter(({ url }) => url?.includes('partNumber'));
    expect(parts.map(({ headers }) => Number(headers['content-length']))).toEqual(
      [8, 8, 4].map((n) => n * MiB),
    );
  });

  it('tells a bucket that is missing from a blob that is', async () => {
    const store = await openWith({});
    await expect(store.stat(newBlobKey())).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });
});

const BEGUN = '<InitiateMultipartUploadResult><UploadId>one</UploadId></InitiateMultipartUploadResult>';
const COMPLETED = '<CompleteMultipartUploadResult><Key>key</Key></CompleteMultipartUploadResult>';
