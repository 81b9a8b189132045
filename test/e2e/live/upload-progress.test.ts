import { randomBytes } from 'node:crypto';
import type { Client } from 'graphql-ws';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Account, gql, parsed, pause, register, upload } from '../../support/client.ts';
import { DirectClient } from '../../support/direct-upload.ts';
import { Listener } from '../../support/listener.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { SlowUpload } from '../../support/slow-upload.ts';
import { socketClient } from '../../support/socket.ts';

interface Progress {
  readonly clientUploadId: string;
  readonly fileId: string;
  readonly phase: string;
  readonly receivedBytes: number;
  readonly totalBytes: number | null;
  readonly stored: boolean;
  readonly errorCode: string | null;
}

const PROGRESS = `subscription ($id: String!) {
  uploadProgress(clientUploadId: $id) {
    clientUploadId fileId phase receivedBytes totalBytes stored scan { isScanned } processingStatus backup errorCode at
  }
}`;
const SECRET = 'a secret that both nodes of the tests share';

let near: RunningServer;
let far: RunningServer;
let ann: Account;
let ben: Account;
const clients: Client[] = [];

beforeAll(async () => {
  // Without a Redis: what the other node hears of, it reads from the database.
  near = await startServer({ JWT_SECRET: SECRET });
  far = await startServer({
    JWT_SECRET: SECRET,
    MONGODB_URI: near.env.MONGODB_URI,
    UPLOAD_PATH: near.env.UPLOAD_PATH,
  });
  [ann, ben] = await Promise.all([register(near.origin), register(near.origin)]);
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.dispose();
});
afterAll(async () => {
  await far?.stop();
  await near?.stop();
});

function follow(clientUploadId: string, { origin } = near, { token } = ann): Listener<Progress> {
  const client = socketClient(origin, token);
  clients.push(client);
  return new Listener(client, PROGRESS, { id: clientUploadId });
}

const newName = () => `upload ${randomBytes(6).toString('hex')}`;
const phases = ({ told }: Listener<Progress>) => [...new Set(told.map(({ phase }) => phase))];

describe('uploadProgress', () => {
  it('tells of the bytes as they come, seldom, and ends with the file, on this node and on another', async () => {
    const clientUploadId = newName();
    const here = follow(clientUploadId);
    const there = follow(clientUploadId, far);
    const strange = follow(clientUploadId, near, ben);
    const sending = new SlowUpload(near.origin, ann.token, { clientUploadId });
    const began = performance.now();
    for (let i = 0; i < 40; i += 1) {
      await sending.send(randomBytes(8 * 1024));
      await pause(25);
    }
    const { data } = parsed<{ uploadFile: { id: string } }>(await sending.end());
    const fileId = data?.uploadFile.id;
    expect(await here.ended).toEqual([]);
    const most = 4 * ((performance.now() - began) / 1000) + 5;
    expect(here.told.length).toBeLessThan(most);
    const between = here.told.filter(
      ({ phase, receivedBytes }) => phase === 'RECEIVING' && receivedBytes > 0,
    );
    expect(between.length).toBeGreaterThan(1);
    const last = { clientUploadId, fileId, phase: 'COMPLETED', receivedBytes: 40 * 8 * 1024, stored: true };
    expect(here.told.at(-1)).toMatchObject({
      ...last,
      totalBytes: 40 * 8 * 1024,
      backup: 'NONE',
      errorCode: null,
    });
    expect(await there.ended).toEqual([]);
    expect(there.told.at(-1)).toMatchObject(last);
    expect(strange.told).toEqual([]);
  });

  it('tells the end first, and nothing else, to whoever asks after it or comes back', async () => {
    const clientUploadId = newName();
    await upload(near.origin, ann.token, { content: 'hello' }, { clientUploadId });
    await follow(clientUploadId).ended;
    const late = follow(clientUploadId, far);
    expect(await late.ended).toEqual([]);
    expect(late.told).toMatchObject([{ phase: 'COMPLETED', receivedBytes: 5, totalBytes: 5 }]);
  });

  it('says why an upload failed, and that a client went away', async () => {
    const wrong = newName();
    await upload(
      near.origin,
      ann.token,
      { content: 'hello' },
      { clientUploadId: wrong, sha256: '0'.repeat(64) },
    );
    const failed = follow(wrong);
    await failed.ended;
    expect(failed.told).toMatchObject([{ phase: 'FAILED', errorCode: 'HASH_MISMATCH', stored: false }]);

    const cut = newName();
    const sending = new SlowUpload(near.origin, ann.token, { clientUploadId: cut });
    await sending.send(randomBytes(100_000));
    const gone = follow(cut);
    await gone.first(({ phase }) => phase === 'RECEIVING');
    sending.cut();
    await gone.ended;
    expect(phases(gone)).toEqual(['RECEIVING', 'CANCELLED']);
  });

  it('tells of direct uploads too, which go on after a failure that may pass, until they are taken back', async () => {
    const clientUploadId = newName();
    const client = new DirectClient(near.origin, ann.token);
    const ticket = await client.ticket({ fileSize: 5, clientUploadId });
    const listener = follow(clientUploadId);
    expect(await listener.first(() => true)).toMatchObject({
      fileId: ticket.id,
      phase: 'RECEIVING',
      totalBytes: 5,
    });
    await gql(
      near.origin,
      'mutation ($id: ID!) { completeUpload(id: $id) { id } }',
      { id: ticket.id },
      ann.token,
    );
    await client.send(ticket, Buffer.from('hello'));
    await gql(
      near.origin,
      'mutation ($id: ID!) { completeUpload(id: $id) { id } }',
      { id: ticket.id },
      ann.token,
    );
    expect(await listener.ended).toEqual([]);
    expect(listener.told.at(-1)).toMatchObject({ phase: 'COMPLETED', receivedBytes: 5 });

    const other = newName();
    const { id } = await client.ticket({ fileSize: 5, clientUploadId: other });
    await gql(near.origin, 'mutation ($id: ID!) { cancelUpload(id: $id) }', { id }, ann.token);
    const cancelled = follow(other);
    await cancelled.ended;
    expect(phases(cancelled)).toEqual(['CANCELLED']);
  });

  it('of two uploads of one name is of the later; a name that is none is refused', async () => {
    const clientUploadId = newName();
    await upload(near.origin, ann.token, { content: 'first' }, { clientUploadId });
    const second = await upload(near.origin, ann.token, { content: 'second' }, { clientUploadId });
    const listener = follow(clientUploadId);
    await listener.ended;
    expect(listener.told.map(({ fileId }) => fileId)).toEqual([second.data?.uploadFile.id]);
    const [error] = await follow('x'.repeat(101)).ended;
    expect(error?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      issues: [{ field: 'clientUploadId' }],
    });
  });
});
