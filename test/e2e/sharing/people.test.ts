import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, type Answer, gql, register, send, upload } from '../../support/client.ts';
import { createKey } from '../../support/keys.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { LARGE, slowDownload } from '../../support/slow-transfers.ts';

const OFF = 'register=off,login-address=off,api=off,uploads=off,transfers=off';
const GRANT = `mutation ($input: GrantAccessInput!) {
  grantAccess(input: $input) {
    id permission isInForce sharedAt grantee { username } sharedBy { username } item { __typename ... on File { id } }
  }
}`;
const REVOKE = 'mutation ($input: RevokeAccessInput!) { revokeAccess(input: $input) }';
const LEAVE = 'mutation ($id: ID!) { leaveShare(input: { fileId: $id }) }';
const SHARED = `{
  sharedWithMe {
    nodes { permission sharedBy { username } item { ... on File { id originalName myPermission } } }
    edges { cursor }
    pageInfo { hasNextPage }
  }
}`;
const FILE =
  'query ($id: ID!) { file(id: $id) { id myPermission downloadUrl grants { nodes { permission } } } }';
const UPDATE =
  'mutation ($id: ID!, $input: UpdateFileInput!) { updateFile(id: $id, input: $input) { description access { canDownload } } }';

let server: RunningServer;
let owner: Account;
let ann: Account;
let bob: Account;

beforeAll(async () => {
  server = await startServer({ RATE_LIMITS: `${OFF},sharing=100/3600` });
  [owner, ann, bob] = await Promise.all([
    register(server.origin),
    register(server.origin),
    register(server.origin),
  ]);
});
afterAll(() => server.stop());

type Data = Record<string, never>;
const as = <T = Data>({ token }: Account, query: string, variables = {}) =>
  gql<T>(server.origin, query, variables, token);
const codeOf = ({ errors }: Answer<unknown>) => errors[0]?.extensions.code ?? 'done';
const give = (by: Account, fileId: string, to: Account, permission: string) =>
  as(by, GRANT, { input: { fileId, user: to.username, permission } });
const take = (by: Account, fileId: string, { id: userId }: Account) =>
  as<{ revokeAccess: boolean }>(by, REVOKE, { input: { fileId, userId } });
const content = ({ token }: Account, id: string) =>
  send(server.origin, {
    method: 'GET',
    path: `/files/${id}/content`,
    headers: { authorization: `Bearer ${token}` },
  });

async function stored(text: string | Buffer = 'shared'): Promise<string> {
  const { data } = await upload(server.origin, owner.token, { content: text, filename: 'shared.txt' });
  return data?.uploadFile.id ?? '';
}

async function urlFor(who: Account, id: string): Promise<string> {
  const { data } = await as<{ file: { downloadUrl: string } }>(who, FILE, { id });
  const { pathname, search } = new URL(data?.file.downloadUrl ?? '');
  return pathname + search;
}

describe('A file that is shared with somebody', () => {
  it('is theirs to see, fetch, change and share as far as they were given it', async () => {
    const id = await stored();
    const may = async () => ({
      see: codeOf(await as(ann, '{ file(id: "ID") { id } }'.replace('ID', id))),
      fetch: (await content(ann, id)).status,
      change: codeOf(await as(ann, UPDATE, { id, input: { description: 'by ann' } })),
      share: codeOf(await give(ann, id, bob, 'VIEW')),
      lock: codeOf(await as(ann, UPDATE, { id, input: { access: { canDownload: true } } })),
    });
    const nothing = {
      see: 'NOT_FOUND',
      fetch: 404,
      change: 'NOT_FOUND',
      share: 'NOT_FOUND',
      lock: 'NOT_FOUND',
    };
    const less = { see: 'done', fetch: 403, change: 'FORBIDDEN', share: 'FORBIDDEN', lock: 'FORBIDDEN' };
    expect(await may()).toEqual(nothing);
    await give(owner, id, ann, 'VIEW');
    expect(await may()).toEqual(less);
    await give(owner, id, ann, 'DOWNLOAD');
    expect(await may()).toEqual({ ...less, fetch: 200 });
    await give(owner, id, ann, 'EDIT');
    expect(await may()).toEqual({ ...less, fetch: 200, change: 'done' });
    await give(owner, id, ann, 'MANAGE');
    expect(await may()).toEqual({ ...less, fetch: 200, change: 'done', share: 'done' });
    expect((await content(bob, id)).status).toBe(403);
    expect((await take(owner, id, ann)).data).toEqual({ revokeAccess: true });
    expect(await may()).toEqual(nothing);
    // He had it from her.
    expect(codeOf(await as(bob, FILE, { id }))).toBe('NOT_FOUND');
  });

  it('tells each what they hold, and only who may share it who has access', async () => {
    const id = await stored();
    await give(owner, id, ann, 'MANAGE');
    await give(owner, id, bob, 'VIEW');
    type Told = { file: { myPermission: string; grants: { nodes: unknown[] } | null } };
    const told = async (who: Account) => (await as<Told>(who, FILE, { id })).data?.file;
    expect(await told(owner)).toMatchObject({ myPermission: 'MANAGE', grants: { nodes: [{}, {}] } });
    expect(await told(ann)).toMatchObject({ myPermission: 'MANAGE', grants: { nodes: [{}, {}] } });
    expect(await told(bob)).toMatchObject({ myPermission: 'VIEW', grants: null });
    await as(owner, UPDATE, { id, input: { isPublic: true } });
    const stranger = await register(server.origin);
    expect(await told(stranger)).toMatchObject({ myPermission: null, grants: null });
  });

  it('is in their list until it is taken back or they give it up', async () => {
    const id = await stored();
    const given = await give(owner, id, ann, 'EDIT');
    expect(given.data).toMatchObject({
      grantAccess: {
        permission: 'EDIT',
        isInForce: true,
        grantee: { username: ann.username },
        sharedBy: { username: owner.username },
        item: { __typename: 'File', id },
      },
    });
    type List = { sharedWithMe: { nodes: { item: { id: string } }[] } };
    const listed = async () =>
      (await as<List>(ann, SHARED)).data?.sharedWithMe.nodes.filter(({ item }) => item.id === id);
    expect(await listed()).toMatchObject([
      {
        permission: 'EDIT',
        sharedBy: { username: owner.username },
        item: { originalName: 'shared.txt', myPermission: 'EDIT' },
      },
    ]);
    expect((await as(ann, LEAVE, { id })).data).toEqual({ leaveShare: true });
    expect(await listed()).toEqual([]);
    expect(codeOf(await as(ann, FILE, { id }))).toBe('NOT_FOUND');
  });
});

describe('What was fetched of it', () => {
  it('stops when it is taken back or locked: signed addresses at once, what is on its way within seconds', async () => {
    const id = await stored(Buffer.alloc(LARGE, 'large'));
    await give(owner, id, ann, 'MANAGE');
    await give(ann, id, bob, 'DOWNLOAD');
    const [annsPath, bobsPath, ownPath] = [
      await urlFor(ann, id),
      await urlFor(bob, id),
      await urlFor(owner, id),
    ];
    const [annsDownload, bobsDownload] = [
      await slowDownload(server.origin + annsPath),
      await slowDownload(server.origin + bobsPath),
    ];
    const statusOf = async (path: string) => (await send(server.origin, { method: 'HEAD', path })).status;

    await take(owner, id, ann);
    let began = performance.now();
    expect([await statusOf(annsPath), await statusOf(bobsPath), await statusOf(ownPath)]).toEqual([
      404, 404, 200,
    ]);
    // He had it from her.
    const bytes = await Promise.all([annsDownload.ended, bobsDownload.ended]);
    expect(Math.max(...bytes)).toBeLessThan(LARGE);
    expect(performance.now() - began).toBeLessThan(2_000);

    await give(owner, id, ann, 'DOWNLOAD');
    expect(await statusOf(annsPath)).toBe(200);
    const again = await slowDownload(server.origin + annsPath);
    const locked = await as(owner, UPDATE, { id, input: { access: { canDownload: false } } });
    expect(locked.data).toMatchObject({ updateFile: { access: { canDownload: false } } });
    began = performance.now();
    expect([await statusOf(annsPath), await statusOf(ownPath)]).toEqual([403, 200]);
    expect(await again.ended).toBeLessThan(LARGE);
    expect(performance.now() - began).toBeLessThan(4_000);
  });
});

describe('A folder that is shared with somebody', () => {
  it('gives them what lies below it, as deep as it is', async () => {
    const make = async (input: object) => {
      const mutation = 'mutation ($input: CreateFolderInput!) { createFolder(input: $input) { id } }';
      return (
        (await as<{ createFolder: { id: string } }>(owner, mutation, { input })).data?.createFolder.id ?? ''
      );
    };
    const top = await make({ name: 'shared folder' });
    const inner = await make({ name: 'inner', parentId: top });
    const file = { content: 'deep', filename: 'deep.txt' };
    const { data } = await upload(server.origin, owner.token, file, { folderId: inner });
    const id = data?.uploadFile.id ?? '';
    expect((await content(bob, id)).status).toBe(404);
    const input = { folderId: top, user: bob.username, permission: 'DOWNLOAD' };
    expect(codeOf(await as(owner, GRANT, { input }))).toBe('done');
    expect((await content(bob, id)).text).toBe('deep');
    const query =
      '{ sharedWithMe(kind: FOLDER) { nodes { item { ... on Folder { id name myPermission } } } } }';
    expect((await as(bob, query)).data).toEqual({
      sharedWithMe: { nodes: [{ item: { id: top, name: 'shared folder', myPermission: 'DOWNLOAD' } }] },
    });
    const folder = 'query ($id: ID!) { folder(id: $id) { name myPermission grants { nodes { id } } } }';
    expect((await as(bob, folder, { id: inner })).data).toEqual({
      folder: { name: 'inner', myPermission: 'DOWNLOAD', grants: null },
    });
    await as(owner, 'mutation ($id: ID!) { deleteFolder(id: $id) { id } }', { id: top });
    expect((await content(bob, id)).status).toBe(404);
    expect((await as(bob, query)).data).toEqual({ sharedWithMe: { nodes: [] } });
  });
});

describe('Sharing', () => {
  it('takes a key of its scope', async () => {
    const id = await stored();
    const keyed = async (scope: 'SHARES_WRITE' | 'FILES_READ', query: string, variables = {}) => {
      const { key } = await createKey(server.origin, owner.token, [scope]);
      return codeOf(await gql(server.origin, query, variables, key));
    };
    const input = { fileId: id, userId: ann.id, permission: 'VIEW' };
    expect(await keyed('SHARES_WRITE', GRANT, { input })).toBe('done');
    expect(await keyed('FILES_READ', GRANT, { input })).toBe('FORBIDDEN');
    expect(await keyed('FILES_READ', SHARED)).toBe('done');
    expect(await keyed('SHARES_WRITE', SHARED)).toBe('FORBIDDEN');
    expect(await keyed('FILES_READ', FILE, { id })).toBe('FORBIDDEN');
  });

  it('counts the lists within a union against what an operation may cost', async () => {
    const inner = 'grants(first: 100) { nodes { id grantee { username } } }';
    const query = (first: number) =>
      `{ sharedWithMe(first: ${first}) { nodes { item { ... on File { ${inner} } ... on Folder { ${inner} } } } } }`;
    expect(codeOf(await as(ann, query(1)))).toBe('done');
    expect((await as(ann, query(100))).errors[0]?.message).toMatch(/more than 20000 values/);
  });

  it('finds nobody by many guesses of addresses', async () => {
    const curious = await register(server.origin);
    const { data } = await upload(server.origin, curious.token, { content: 'bait' });
    const guess = (user: string) =>
      as(curious, GRANT, { input: { fileId: data?.uploadFile.id, user, permission: 'VIEW' } });
    const answers = [];
    // Ann has an account with this address, which she has not verified.
    for (let i = 0; i < 7; i += 1)
      answers.push(await guess(i % 2 ? `nobody${i}@example.org` : `${ann.username}@example.org`));
    expect(answers.map(codeOf)).toEqual([...Array(6).fill('NOT_FOUND'), 'RATE_LIMITED']);
    expect(new Set(answers.slice(0, 6).map(({ errors }) => errors[0]?.message)).size).toBe(1);
  });
});
