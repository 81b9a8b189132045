import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { newBlobKey } from '../../../src/blobs/blob-store.ts';
import type { Backend } from '../../support/backend.ts';
import { readAccount, tokenOf } from '../../support/backends/gcs-account.ts';
import { newGcsBucket } from '../../support/backends/gcs-bucket.ts';
import { openVariables } from '../open-variables.ts';
import { read, sourceOf } from '../sources.ts';

describe('the credentials of Google Cloud Storage', () => {
  let backend: Backend;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'credentials-'));
    backend = await newGcsBucket();
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('must go with the name of a bucket', async () => {
    const { GCP_BUCKET: _, ...others } = backend.env;
    await expect(openVariables('gcp', others)).rejects.toThrow('GCP_BUCKET must be set');
  });

  it.each([
    ['is not there', undefined],
    ['is no JSON', 'not json'],
    [
      'is that of a user',
      '{"type":"authorized_user","client_id":"a","client_secret":"b","refresh_token":"c"}',
    ],
    ['lacks the key', '{"type":"service_account","client_email":"a@b.example"}'],
  ])('stop the opening with STORAGE_UNAVAILABLE when their file %s', async (_what, text) => {
    const file = join(folder, 'key.json');
    await rm(file, { force: true });
    if (text !== undefined) await writeFile(file, text);
    await expect(openVariables('gcp', { ...backend.env, GCP_KEY_FILE: file })).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      cause: expect.any(Error),
    });
  });

  it('are those of the machine’s own service account where no file is named', async () => {
    const token = await tokenOf(await readAccount(backend.env.GCP_KEY_FILE ?? ''));
    const metadata = await metadataServer(token);
    const { port } = metadata.address() as AddressInfo;
    vi.stubEnv('GCE_METADATA_HOST', `127.0.0.1:${port}`);
    vi.stubEnv('METADATA_SERVER_DETECTION', 'assume-present');
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '');
    vi.stubEnv('CLOUDSDK_CONFIG', folder);
    const { GCP_KEY_FILE: _, ...others } = backend.env;
    const store = await openVariables('gcp', others);
    const key = newBlobKey();
    expect(await store.put(key, sourceOf(100))).toBe(100);
    expect(await read(await store.open(key))).toHaveLength(100);
    await store.close();
    metadata.close();
  });
});

/** What a machine of Google’s offers to the programs that run on it. */
async function metadataServer(token: string): Promise<Server> {
  const answers: Record<string, string> = {
    '/computeMetadata/v1/instance/service-accounts/default/token': JSON.stringify({
      access_token: token,
      expires_in: 3_599,
      token_type: 'Bearer',
    }),
    '/computeMetadata/v1/project/project-id': 'test-project',
  };
  const server = createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    const answer = answers[path];
    response.writeHead(answer ? 200 : 404, {
      'metadata-flavor': 'Google',
      'content-type': answer?.startsWith('{') ? 'application/json' : 'text/plain',
      connection: 'close',
    });
    response.end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
