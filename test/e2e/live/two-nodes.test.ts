import type { Client } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, pause, register, send, upload } from '../../support/client.ts';
import { Listener } from '../../support/listener.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { socketClient } from '../../support/socket.ts';
import { openRelay, type TcpRelay } from '../../support/tcp-relay.ts';

interface Change {
  readonly kind: string;
  readonly fileId: string;
  readonly file: { downloadUrl: string } | null;
}

const CHANGES = 'subscription { fileChanged { kind fileId file { downloadUrl } } }';
const PROGRESS =
  'subscription ($id: String!) { uploadProgress(clientUploadId: $id) { phase receivedBytes } }';

let relay: TcpRelay;
let far: RunningServer;
let near: RunningServer;
let ann: Account;
const clients: Client[] = [];

beforeAll(async () => {
  const redis = new URL(process.env.TEST_REDIS_URL ?? '');
  const target = { host: redis.hostname, port: Number(redis.port) };
  relay = await openRelay(target);
  const shared = { JWT_SECRET: 'a secret that both nodes of the tests share' };
  near = await startServer({ ...shared, REDIS_URL: redis.href });
  const { MONGODB_URI, UPLOAD_PATH } = near.env;
  far = await startServer({
    ...shared,
    MONGODB_URI,
    UPLOAD_PATH,
    REDIS_URL: `redis://127.0.0.1:${relay.port}`,
  });
  ann = await register(near.origin);
});
afterAll(async () => {
  for (const client of clients) await client.dispose();
  await far?.stop();
  await near?.stop();
  await relay?.close();
});

function listen<T>(origin: string, query: string, variables = {}): Listener<T> {
  const client = socketClient(origin, ann.token);
  clients.push(client);
  return new Listener<T>(client, query, variables);
}

const sent = async (origin: string, content: string, input = {}) => {
  const { data, text } = await upload(origin, ann.token, { content }, input);
  if (!data) throw new Error(text);
  return data.uploadFile.id;
};

describe('With two nodes over one database and one Redis', () => {
  it('what is uploaded at one is told at the other, which then serves it', async () => {
    const there = listen<Change>(far.origin, CHANGES);
    const progress = listen<{ phase: string }>(far.origin, PROGRESS, { id: 'both' });
    await pause(500);
    const id = await sent(near.origin, 'hello from afar', { clientUploadId: 'both' });
    const { file } = await there.first(({ kind, fileId }) => kind === 'CREATED' && fileId === id);
    const { pathname, search } = new URL(file?.downloadUrl ?? '');
    const download = await send(far.origin, { method: 'GET', path: pathname + search });
    expect([download.status, download.text]).toEqual([200, 'hello from afar']);
    expect(await progress.ended).toEqual([]);
    there.stop();
  });

  it('a node that loses Redis goes on by itself, and tells its listeners to begin anew once it is back', async () => {
    const redis = new URL(process.env.TEST_REDIS_URL ?? '');
    const alone = listen<Change>(far.origin, CHANGES);
    await pause(500);
    await relay.close();
    await pause(300);
    const own = await sent(far.origin, 'told here alone');
    await alone.first(({ fileId }) => fileId === own);
    await sent(near.origin, 'missed');
    relay = await openRelay({ host: redis.hostname, port: Number(redis.port) }, relay.port);
    expect(await alone.ended).toMatchObject([
      { extensions: { code: 'CONFLICT', retryAfter: expect.any(Number) } },
    ]);
    const again = listen<Change>(far.origin, CHANGES);
    await pause(500);
    const id = await sent(near.origin, 'told again');
    await again.first(({ fileId }) => fileId === id);
  });
});
