import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Azurite, startAzurite } from '../../support/backends/azurite.ts';
import { selfSigned } from '../../support/self-signed.ts';
import { read } from '../sources.ts';

const USER = new URL('identity-child.ts', import.meta.url).pathname;
const MAKER = new URL('container-child.ts', import.meta.url).pathname;
const SECRET = 'known to the machine alone';

describe('the store of Azure Blob Storage without a key of the account', () => {
  let folder: string;
  let azurite: Azurite;
  let identities: Server;
  let asked = 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-identity-'));
    const { certificate, key } = selfSigned();
    const paths = { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    await writeFile(paths.certificate, certificate);
    await writeFile(paths.key, key, { mode: 0o600 });
    azurite = await startAzurite(paths);
    identities = createServer((request, response) => {
      asked += 1;
      const isKnown = request.headers['x-identity-header'] === SECRET;
      response.writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' });
      response.end(isKnown ? JSON.stringify(tokenAnswer()) : '{}');
    });
    identities.listen(0, '127.0.0.1');
    await once(identities, 'listening');
  });
  afterAll(async () => {
    identities?.close();
    await azurite?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Runs a program that trusts the server’s certificate; resolves with what it says. */
  const run = async (program: string, variables: Record<string, string>, env: Record<string, string>) => {
    const child = spawn(process.execPath, [program, JSON.stringify(variables)], {
      env: { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: join(folder, 'cert.pem'), ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return (await read(child.stdout)).toString();
  };

  it('does everything as the machine’s own identity, and signs addresses with a key that it is given', async () => {
    const text = azurite.env.TEST_AZURE_CONNECTION_STRING ?? '';
    const part = (name: string) => new RegExp(`(?<=${name}=)[^;]+`).exec(text)?.[0] ?? '';
    const { AZURE_CONTAINER = '' } = JSON.parse(await run(MAKER, {}, { ...azurite.env }));
    const { port } = identities.address() as AddressInfo;
    const answer = await run(
      USER,
      {
        AZURE_STORAGE_ACCOUNT: part('AccountName'),
        AZURE_STORAGE_ENDPOINT: part('BlobEndpoint'),
        AZURE_CONTAINER,
      },
      { IDENTITY_ENDPOINT: `http://127.0.0.1:${port}/token`, IDENTITY_HEADER: SECRET },
    );
    expect(JSON.parse(answer)).toEqual({
      written: 11 * 1024 * 1024,
      read: 11 * 1024 * 1024,
      answers: ['206 text/x-told', '206 text/x-told'],
      sent: 201,
    });
    expect(asked).toBe(1);
  });
});

/** What a machine of Azure answers to those who ask it who they are; the test server believes the claims. */
function tokenAnswer() {
  const now = Math.floor(Date.now() / 1_000);
  const tenant = '00000000-0000-4000-8000-000000000001';
  const claims = {
    aud: 'https://storage.azure.com',
    iss: `https://sts.windows.net/${tenant}/`,
    iat: now - 60,
    nbf: now - 60,
    exp: now + 3_600,
    oid: '00000000-0000-4000-8000-000000000002',
    tid: tenant,
  };
  const parts = [{ alg: 'RS256', typ: 'JWT' }, claims, 'signature'].map((part) => JSON.stringify(part));
  const access_token = parts.map((part) => Buffer.from(part).toString('base64url')).join('.');
  return { access_token, expires_on: `${now + 3_600}`, resource: claims.aud, token_type: 'Bearer' };
}
