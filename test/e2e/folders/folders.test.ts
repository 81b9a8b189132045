import mongoose from 'mongoose';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Account, gql, pause, register, upload, uploadAll } from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

let server: RunningServer;
let ada: Account;
let bob: Account;

beforeAll(async () => {
  server = await startServer({ DEFAULT_QUOTA: '4000' });
});
afterAll(() => server.stop());
beforeEach(async () => {
  [ada, bob] = await Promise.all([register(server.origin), register(server.origin)]);
});

type Data = Record<string, never>;

async function ask<T = Data>(query: string, variables: object = {}, { token } = ada) {
  const { data, errors } = await gql<Record<string, T>>(server.origin, query, variables, token);
  return { data: data ? (Object.values(data)[0] as T) : null, codes: errors.map((e) => e.extensions.code) };
}

async function folder(name: string, parentId: string | null = null): Promise<string> {
  const query = 'mutation ($input: CreateFolderInput!) { createFolder(input: $input) { id } }';
  const { data } = await ask<{ id: string }>(query, { input: { name, parentId } });
  return data?.id ?? '';
}

const GRANT = 'mutation ($input: GrantAccessInput!) { grantAccess(input: $input) { __typename } }';
const share = async (folderId: string) => {
  expect((await ask(GRANT, { input: { folderId, user: bob.username, permission: 'EDIT' } })).codes).toEqual(
    [],
  );
};
const FILES = `query ($filter: FileFilter) {
  files(filter: $filter, sort: { field: ORIGINAL_NAME, direction: ASC }) { nodes { originalName folder { id } } }
}`;

test('Names that are no clean name are refused and every other one is kept as it is', async () => {
  const CREATE = 'mutation ($input: CreateFolderInput!) { createFolder(input: $input) { name } }';
  const RENAME = 'mutation ($id: ID!, $name: String!) { renameFolder(id: $id, name: $name) { name } }';
  const id = await folder('renamed');
  for (const name of [
    '',
    ' ',
    '.',
    '..',
    '../x',
    'a/b',
    'a\\b',
    'a\nb',
    'a\u0000b',
    ' a',
    '\u202ea',
    'x'.repeat(300),
  ]) {
    expect((await ask(CREATE, { input: { name } })).codes, name).toEqual(['BAD_USER_INPUT']);
    expect((await ask(RENAME, { id, name })).codes, name).toEqual(['BAD_USER_INPUT']);
  }
  for (const name of [
    '"; $where',
    "l'été",
    '🙂',
    '日本語',
    '$set',
    'a.b',
    'x'.repeat(255),
    '🙂'.repeat(255),
  ]) {
    expect((await ask<{ name: string }>(CREATE, { input: { name } })).data?.name).toBe(name);
    expect((await ask(CREATE, { input: { name } })).codes, name).toEqual(['CONFLICT']);
  }
});

test('Files are uploaded into a folder, listed and searched there, and below it', async () => {
  const outer = await folder('outer');
  const inner = await folder('inner', outer);
  await upload(server.origin, ada.token, { content: 'one', filename: 'one.txt' }, { folderId: outer });
  await uploadAll(server.origin, ada.token, [{ content: 'rooted', filename: 'root.txt' }]);
  const sent = await upload(
    server.origin,
    ada.token,
    { content: 'two', filename: 'two.txt' },
    { folderId: inner },
  );
  expect(sent.errors).toEqual([]);
  const names = async (filter: object) =>
    (await ask<{ nodes: { originalName: string }[] }>(FILES, { filter })).data?.nodes.map(
      (n) => n.originalName,
    );
  expect(await names({ folderId: outer })).toEqual(['one.txt']);
  expect(await names({ folderId: 'root' })).toEqual(['root.txt']);
  expect(await names({ folderId: outer, recursive: true })).toEqual(['one.txt', 'two.txt']);
  expect(await names({ folderId: 'root', recursive: true })).toEqual(['one.txt', 'root.txt', 'two.txt']);
  expect(await names({ folderId: outer, recursive: true, search: 'two' })).toEqual(['two.txt']);
  expect(await names({ folderId: outer, search: 'two' })).toEqual([]);
  expect((await ask(FILES, { filter: { folderId: outer } }, bob)).codes).toEqual(['NOT_FOUND']);
  const into = await upload(server.origin, bob.token, { content: 'x' }, { folderId: outer });
  expect(into.errors.map((e) => e.extensions.code)).toEqual(['NOT_FOUND']);
  const PUBLIC = 'query ($filter: FileFilter) { publicFiles(filter: $filter) { totalCount } }';
  expect((await ask(PUBLIC, { filter: { folderId: outer } })).codes).toEqual(['BAD_USER_INPUT']);
});

test('Into a folder of somebody else’s, the owner’s quota decides and not one’s own', async () => {
  const shared = await folder('shared');
  const large = { content: Buffer.alloc(2_500, 'b'), filename: 'large.bin' };
  await upload(server.origin, bob.token, large);
  const USED = '{ me { usage { usedBytes } } }';
  const used = async (account: Account) =>
    (await ask<{ usage: { usedBytes: number } }>(USED, {}, account)).data?.usage.usedBytes;
  await share(shared);
  const first = await upload(server.origin, bob.token, large, { folderId: shared });
  expect(first.errors).toEqual([]);
  expect([await used(ada), await used(bob)]).toEqual([2_500, 2_500]);
  const second = await upload(server.origin, bob.token, large, { folderId: shared });
  expect(second.errors.map((e) => e.extensions.code)).toEqual(['QUOTA_EXCEEDED']);
  const owner = `query ($id: ID!) { file(id: $id) { owner { username } folder { name parent { id } } } }`;
  const { data } = await ask<object>(owner, { id: first.data?.uploadFile.id }, bob);
  expect(data).toEqual({ owner: { username: ada.username }, folder: { name: 'shared', parent: null } });
});

test('A ticket into a shared folder is sent and completed by whoever asked for it, as long as it is shared', async () => {
  const shared = await folder('shared');
  await share(shared);
  const CREATE = 'mutation ($input: CreateUploadInput!) { createUpload(input: $input) { id url headers } }';
  const COMPLETE = 'mutation ($id: ID!) { completeUpload(id: $id) { id owner { id } folder { id } } }';
  const input = { originalName: 'a.txt', fileSize: 5, folderId: shared };
  const announce = async () => (await ask<{ id: string; url: string }>(CREATE, { input }, bob)).data;
  const ticket = await announce();
  const sent = await fetch(ticket?.url ?? '', { method: 'PUT', body: 'hello' });
  expect(sent.ok).toBe(true);
  for (const _ of ['once', 'again']) {
    const { data } = await ask<object>(COMPLETE, { id: ticket?.id }, bob);
    expect(data).toEqual({ id: ticket?.id, owner: { id: ada.id }, folder: { id: shared } });
  }
  const [late, other] = [await announce(), await announce()];
  await fetch(late?.url ?? '', { method: 'PUT', body: 'hello' });
  expect((await ask('mutation ($id: ID!) { cancelUpload(id: $id) }', { id: other?.id }, bob)).codes).toEqual(
    [],
  );
  const stranger = await register(server.origin);
  expect((await ask(COMPLETE, { id: late?.id }, stranger)).codes).toEqual(['NOT_FOUND']);
  await ask('mutation ($id: ID!) { deleteFolder(id: $id) { id } }', { id: shared });
  expect((await ask(COMPLETE, { id: late?.id }, bob)).codes).toEqual(['NOT_FOUND']);
});

test('A deletion that a kill interrupts is finished after the restart, also by asking for it again', async () => {
  const top = await folder('top');
  const names = Array.from({ length: 60 }, (_, i) => `${i}`);
  const below = await Promise.all(names.map((name) => folder(name, top)));
  await Promise.all(
    below.slice(0, 20).map((folderId) => upload(server.origin, ada.token, { content: 'x' }, { folderId })),
  );
  const DELETE = 'mutation ($id: ID!) { deleteFolder(id: $id) { isDeleted } }';
  const dying = ask(DELETE, { id: top }).catch(() => null);
  await pause(12);
  await server.kill();
  await dying;
  const { env } = server;
  const again = await startServer(env);
  const old = server;
  server = again;
  try {
    // The lease of a killed process falls free after 15 s; here it does at once.
    const connection = await mongoose.createConnection(env.MONGODB_URI ?? '').asPromise();
    await connection.collection('leases').deleteMany({});
    await connection.close();
    const { codes } = await ask(DELETE, { id: top });
    expect(codes).toEqual([]);
    const live = await ask<{ totalCount: number }>('{ files { totalCount } }');
    expect(live.data?.totalCount).toBe(0);
    for (const id of below) {
      const { data } = await ask<object>('query ($id: ID!) { folder(id: $id) { isDeleted } }', { id });
      expect(data).toEqual({ isDeleted: true });
    }
    await ask('mutation ($id: ID!) { restoreFolder(id: $id) { id } }', { id: top });
    const back = await ask<{ totalCount: number }>('{ files { totalCount } }');
    expect(back.data?.totalCount).toBe(20);
  } finally {
    await again.stop();
    server = old;
  }
}, 60_000);
