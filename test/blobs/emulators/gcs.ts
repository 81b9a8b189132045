import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Accounts, GrantRefusal, newAccount } from './gcs-accounts.ts';
import { Refusal, refuseJson, refuseXml, sendJson } from './gcs-answers.ts';
import { Buckets } from './gcs-buckets.ts';
import { type Service, serveJson } from './gcs-json.ts';
import { Sessions } from './gcs-uploads.ts';
import { serveXml } from './gcs-xml.ts';

const PROJECT = 'test-project';

// A server that speaks the API of Google Cloud Storage, as a process of its own that ends with its parent: it tells
// its parent by a message where it listens and where the key of its one service account lies.

const folder = await mkdtemp(join(tmpdir(), 'gcs-'));
const server = createServer({ requestTimeout: 0, keepAliveTimeout: 120_000 });
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const accounts = new Accounts(`${endpoint}/token`);
const account = newAccount('service', PROJECT, `${endpoint}/token`);
accounts.add(account);
const keyFile = join(folder, 'key.json');
await writeFile(keyFile, JSON.stringify(account), { mode: 0o600 });
const service: Service = { accounts, buckets: new Buckets(folder), sessions: new Sessions() };

server.on('request', (request, response) => {
  serve(request, response).catch((error) => {
    // The client went away.
    if (request.destroyed && !request.complete) return response.destroy();
    const refusal = error instanceof Refusal ? error : new Refusal(500, 'backendError', String(error));
    if (response.headersSent) response.destroy();
    else if (isJson(request)) refuseJson(response, refusal);
    else refuseXml(response, refusal);
  });
});

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/token' && request.method === 'POST') await grant(request, response);
  else if (isJson(request)) await serveJson(service, request, response);
  else await serveXml(service, request, response);
}

function isJson({ url = '' }: IncomingMessage): boolean {
  return /^\/(?:(?:upload|download)\/)?storage\/v1\//.test(url);
}

async function grant(request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    sendJson(response, 200, accounts.grant(new URLSearchParams(await text(request))));
  } catch (error) {
    if (!(error instanceof GrantRefusal)) throw error;
    sendJson(response, 400, { error: error.code, error_description: error.message });
  }
}

async function stop(): Promise<void> {
  server.close();
  server.closeAllConnections();
  await rm(folder, { recursive: true, force: true });
  process.exit(0);
}
process.once('disconnect', stop);
process.once('SIGTERM', stop);
process.send?.({ endpoint, keyFile, projectId: PROJECT });
