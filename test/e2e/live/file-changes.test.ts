import type { Client } from 'graphql-ws';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Account, type Failure, gql, pause, register, upload } from '../../support/client.ts';
import { Listener } from '../../support/listener.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { ask, socketClient, TestSocket } from '../../support/socket.ts';

interface Change {
  readonly kind: string;
  readonly fileId: string;
  readonly file: { id: string; originalName: string; isDeleted: boolean } | null;
}

const CHANGES = `subscription ($folderId: ID, $recursive: Boolean) {
  fileChanged(folderId: $folderId, recursive: $recursive) { kind fileId file { id originalName isDeleted } at }
}`;
const GRANT =
  'mutation ($fileId: ID!, $user: ID!) { grantAccess(input: { fileId: $fileId, userId: $user, permission: VIEW }) { id } }';
const REVOKE =
  'mutation ($fileId: ID!, $user: ID!) { revokeAccess(input: { fileId: $fileId, userId: $user }) }';
const RENAME =
  'mutation ($id: ID!, $name: String!) { updateFile(id: $id, input: { originalName: $name }) { id } }';

let server: RunningServer;
let ann: Account;
let ben: Account;
const clients: Client[] = [];

beforeAll(async () => {
  server = await startServer();
  [ann, ben] = await Promise.all([register(server.origin), register(server.origin)]);
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.dispose();
});
afterAll(() => server.stop());

/** A subscription that is known to run: what happens from here on is told. */
async function listen(token: string, variables = {}): Promise<Listener<Change>> {
  const client = socketClient(server.origin, token);
  clients.push(client);
  await ask(client, '{ __typename }');
  const listener = new Listener<Change>(client, CHANGES, variables);
  // Operations of one socket begin in their order.
  await ask(client, '{ me { id } }');
  await pause(50);
  return listener;
}

async function uploaded(account = ann): Promise<string> {
  const { data, text } = await upload(server.origin, account.token, { content: 'hello', filename: 'a.txt' });
  if (!data) throw new Error(text);
  return data.uploadFile.id;
}

const run = async (account: Account, query: string, variables: object) => {
  const answer = await gql<Record<string, { id: string }>>(server.origin, query, variables, account.token);
  if (answer.errors.length > 0 || !answer.data) throw new Error(answer.text);
  return Object.values(answer.data)[0] as { id: string };
};

const trash = (id: string) => run(ann, 'mutation ($id: ID!) { deleteFile(id: $id) { id } }', { id });
async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${server.origin}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1]);
}

const codesOf = (errors: readonly Failure[]) => errors.map(({ extensions }) => extensions.code);

describe('fileChanged', () => {
  it('tells an owner the whole life of a file, each event once and in its order, and nothing of others’ files', async () => {
    const listener = await listen(ann.token);
    await uploaded(ben);
    const id = await uploaded();
    await run(ann, RENAME, { id, name: 'b.txt' });
    await trash(id);
    await run(ann, 'mutation ($id: ID!) { restoreFile(id: $id) { id } }', { id });
    await trash(id);
    await gql(server.origin, 'mutation { emptyTrash }', {}, ann.token);
    await listener.first(({ kind }) => kind === 'PURGED');
    expect(listener.told.map(({ kind, fileId }) => [kind, fileId])).toEqual(
      ['CREATED', 'UPDATED', 'TRASHED', 'RESTORED', 'TRASHED', 'PURGED'].map((kind) => [kind, id]),
    );
    expect(listener.told.at(-1)?.file).toBeNull();
    expect(listener.told[1]?.file).toMatchObject({ id, originalName: 'b.txt' });
    expect(listener.told[0]).toMatchObject({ at: expect.stringMatching(/Z$/) });
  });

  it('tells whom a file was given of what they may see, from the grant on, until it is taken back', async () => {
    const listener = await listen(ben.token);
    const id = await uploaded();
    await run(ann, RENAME, { id, name: 'given.txt' });
    await run(ann, GRANT, { fileId: id, user: ben.id });
    await listener.first(({ kind }) => kind === 'SHARED');
    await run(ann, RENAME, { id, name: 'shared.txt' });
    await listener.first(({ file }) => file?.originalName === 'shared.txt');
    await run(ann, REVOKE, { fileId: id, user: ben.id });
    await run(ann, RENAME, { id, name: 'secret.txt' });
    const own = await uploaded(ben);
    await listener.first(({ fileId }) => fileId === own);
    expect(listener.told.map(({ kind, file }) => [kind, file?.originalName])).toEqual([
      ['SHARED', 'given.txt'],
      ['UPDATED', 'shared.txt'],
      ['CREATED', 'a.txt'],
    ]);
  });

  it('tells whom a file was given that it is gone by its id alone', async () => {
    const id = await uploaded();
    await run(ann, GRANT, { fileId: id, user: ben.id });
    const listener = await listen(ben.token);
    await trash(id);
    expect(await listener.first(({ kind }) => kind === 'TRASHED')).toMatchObject({ fileId: id, file: null });
    await gql(server.origin, 'mutation { emptyTrash }', {}, ann.token);
    const other = await uploaded();
    await run(ann, GRANT, { fileId: other, user: ben.id });
    await gql(server.origin, 'mutation ($id: ID!) { purgeFile(id: $id) }', { id: other }, ann.token);
    await listener.first(({ kind, fileId }) => kind === 'PURGED' && fileId === other);
    // What lay in the trash they did not see any more.
    expect(listener.told.filter(({ kind }) => kind === 'PURGED')).toHaveLength(1);
  });

  it('of a folder tells of files in it, of those below where that is wanted, and of those that leave it', async () => {
    const make = 'mutation ($input: CreateFolderInput!) { createFolder(input: $input) { id } }';
    const { id: above } = await run(ann, make, { input: { name: 'above' } });
    const { id: below } = await run(ann, make, { input: { name: 'below', parentId: above } });
    const [deep, flat] = [
      await listen(ann.token, { folderId: above, recursive: true }),
      await listen(ann.token, { folderId: above }),
    ];
    const [one, two] = [await uploaded(), await uploaded()];
    const move = `mutation ($ids: [ID!]!, $folderId: ID) { moveFiles(ids: $ids, folderId: $folderId) { succeeded } }`;
    await run(ann, move, { ids: [one], folderId: above });
    await run(ann, move, { ids: [two], folderId: below });
    await run(ann, move, { ids: [one], folderId: null });
    await deep.first(() => deep.told.length === 3);
    await flat.first(() => flat.told.length === 2);
    expect(deep.told.map(({ fileId }) => fileId)).toEqual([one, two, one]);
    expect(flat.told.map(({ fileId }) => fileId)).toEqual([one, one]);
  });

  it('ends with the session, and tells nothing after that', async () => {
    const cat = await register(server.origin);
    const socket = await TestSocket.ready(server.origin, cat.token);
    socket.subscribe('1', CHANGES);
    await pause(100);
    const id = await uploaded(cat);
    await socket.next('next');
    const renamed = run(cat, RENAME, { id, name: 'b.txt' });
    await renamed;
    await gql(server.origin, 'mutation { logout }', {}, cat.token);
    expect(await socket.closed).toBe(4401);
  });

  it('is refused without an account, without the scope, for a folder that is not there, and over HTTP', async () => {
    const of = async (token?: string, variables = {}) => {
      const client = socketClient(server.origin, token);
      clients.push(client);
      return codesOf(await new Listener(client, CHANGES, variables).ended);
    };
    const create = 'mutation { createApiKey(input: { name: "writer", scopes: [FILES_WRITE] }) { key } }';
    const { key } = (await run(ann, create, {})) as unknown as { key: string };
    expect(await of()).toEqual(['UNAUTHENTICATED']);
    expect(await of(key)).toEqual(['FORBIDDEN']);
    expect(await of(ann.token, { folderId: '000000000000000000000000' })).toEqual(['NOT_FOUND']);
    const http = await gql(server.origin, CHANGES, {}, ann.token);
    expect([http.status, codesOf(http.errors)]).toEqual([400, ['BAD_USER_INPUT']]);
    expect(http.errors[0]?.message).toContain('graphql-transport-ws');
  });

  it('is refused with two fields at its root, with a wrong variable, and beyond 100 on a socket', async () => {
    const client = socketClient(server.origin, ann.token);
    clients.push(client);
    const two = await new Listener(client, 'subscription { a: fileChanged { kind } b: fileChanged { kind } }')
      .ended;
    expect(codesOf(two)).toEqual(['BAD_USER_INPUT']);
    expect(codesOf(await new Listener(client, CHANGES, { recursive: 7 }).ended)).toEqual(['BAD_USER_INPUT']);
    for (let batch = 0; batch < 5; batch += 1) {
      for (let i = 0; i < 20; i += 1) new Listener(client, CHANGES);
      await expect.poll(() => metric('subscriptions_open')).toBe(20 * (batch + 1));
    }
    const [error] = await new Listener(client, CHANGES).ended;
    expect(error).toMatchObject({
      extensions: { code: 'RATE_LIMITED' },
      message: expect.stringContaining('100 subscriptions'),
    });
    // They are no operations that are under way.
    expect((await ask(client, '{ me { id } }')).data).toEqual({ me: { id: ann.id } });
  });

  it('counts what runs and what was told, and gives places back', async () => {
    const listener = await listen(ann.token);
    await expect.poll(() => metric('subscriptions_open')).toBe(1);
    await uploaded();
    await listener.first(({ kind }) => kind === 'CREATED');
    expect(await metric('subscription_events_total\\{outcome="delivered"\\}')).toBeGreaterThan(0);
    listener.stop();
    await expect.poll(() => metric('subscriptions_open')).toBe(0);
  });
});

it('nothing of all that was a failure of the server', () => {
  expect(server.log()).not.toMatch(/"level":50/);
});
