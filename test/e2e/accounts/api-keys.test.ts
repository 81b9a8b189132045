import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, type Answer, gql, register, send, upload } from '../../support/client.ts';
import { createKey, type Scope } from '../../support/keys.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const NO_KEY = '0'.repeat(24);
const CREATE = 'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { key apiKey { id } } }';
const ALL: Scope[] = ['FILES_READ', 'FILES_WRITE', 'SHARES_WRITE', 'ACCOUNT_READ'];

let server: RunningServer;
let ann: Account;
let bob: Account;

beforeAll(async () => {
  server = await startServer({ LOG_LEVEL: 'debug' });
  [ann, bob] = await Promise.all([register(server.origin), register(server.origin)]);
});
afterAll(() => server.stop());

const run = <T = Record<string, unknown>>(query: string, token: string, variables: object = {}) =>
  gql<T>(server.origin, query, variables, token);
const newKey = (...scopes: Scope[]) => createKey(server.origin, ann.token, scopes);
const revoke = (id: string, token = ann.token) =>
  run('mutation ($id: ID!) { revokeApiKey(id: $id) { id revokedAt } }', token, { id });
const codes = ({ errors }: Answer<unknown>) => errors.map(({ extensions }) => extensions.code);
const get = (path: string, token?: string) =>
  send(server.origin, { method: 'GET', path, headers: token ? { authorization: `Bearer ${token}` } : {} });

/** A file of the account’s, made with this token. */
async function newFile(token: string): Promise<string> {
  const { data, text } = await upload(server.origin, token, { content: 'the content' });
  if (!data) throw new Error(text);
  return data.uploadFile.id;
}

describe('An API key', () => {
  it('is shown once, and listed by its beginning, its scopes and its use', async () => {
    const { id, key } = await newKey('FILES_READ', 'ACCOUNT_READ');
    expect(key).toMatch(/^imst_[\w-]{49}$/);
    expect(codes(await run('{ me { username } }', key))).toEqual([]);
    const LIST = '{ apiKeys { id name prefix scopes expiresAt lastUsedAt revokedAt createdAt } }';
    // The use is written down beside the answer.
    await expect
      .poll(async () => (await run<{ apiKeys: object[] }>(LIST, ann.token)).data?.apiKeys[0])
      .toMatchObject({
        ...{ id, prefix: key.slice(0, 11), scopes: ['FILES_READ', 'ACCOUNT_READ'] },
        ...{ expiresAt: null, revokedAt: null, lastUsedAt: expect.any(String) },
      });
    expect((await run(LIST, ann.token)).text).not.toContain(key);
  });

  it.each([
    ['no name', { name: '' }],
    ['a name of control characters', { name: '\u0007\u202e' }],
    ['101 characters as its name', { name: 'x'.repeat(101) }],
    ['no scope', { scopes: [] }],
    ['a scope twice', { scopes: ['FILES_READ', 'FILES_READ'] }],
    ['an unknown scope', { scopes: ['ADMIN'] }],
    ['the word that people write for a scope', { scopes: ['files:read'] }],
    ['an end in the past', { expiresAt: '2020-01-01T00:00:00Z' }],
    ['a field of the document', { userId: NO_KEY }],
  ])('is not made with %s', async (_, wrong) => {
    const input = { name: 'a key', scopes: ['FILES_READ'], ...wrong };
    expect(codes(await run(CREATE, ann.token, { input }))).toEqual(['BAD_USER_INPUT']);
  });

  it('makes, lists and revokes no keys, and opens, shows and ends no sessions', async () => {
    const { id, key } = await newKey(...ALL);
    const input = { name: 'a key', scopes: ['FILES_READ'] };
    for (const answer of [
      await run(CREATE, key, { input }),
      await revoke(id, key),
      await run('{ apiKeys { id } }', key),
      await run('{ sessions { id } }', key),
      await run('mutation { logoutAll }', key),
    ]) {
      expect(codes(answer)).toEqual(['FORBIDDEN']);
      expect(answer.data).toBeNull();
    }
  });

  it('ends at once when it is revoked, by its owner only', async () => {
    const { id, key } = await newKey('ACCOUNT_READ');
    expect(codes(await revoke(id, bob.token))).toEqual(['NOT_FOUND']);
    expect(codes(await revoke(NO_KEY))).toEqual(['NOT_FOUND']);
    expect(codes(await run('{ me { id } }', key))).toEqual([]);
    expect(codes(await revoke(id))).toEqual([]);
    expect(codes(await run('{ me { id } }', key))).toEqual(['UNAUTHENTICATED']);
    expect((await get('/files/x/content', key)).status).toBe(401);
    expect((await upload(server.origin, key, { content: 'x' })).status).toBe(401);
  });

  it('ends when it was said to, though it was just in use', async () => {
    const expiresAt = new Date(Date.now() + 1_200);
    const { key } = await createKey(server.origin, ann.token, ['ACCOUNT_READ'], expiresAt);
    expect(codes(await run('{ me { id } }', key))).toEqual([]);
    const asked = async () => codes(await run('{ me { id } }', key));
    await expect.poll(asked, { timeout: 5_000 }).toEqual(['UNAUTHENTICATED']);
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt.getTime());
    expect(Date.now() - expiresAt.getTime()).toBeLessThan(1_000);
  });

  it('stays when the password changes and when every session ends, and ends with its account', async () => {
    const eve = await register(server.origin);
    const { key } = await createKey(server.origin, eve.token, ['ACCOUNT_READ']);
    const next = `${eve.password}!`;
    const variables = { old: eve.password, next };
    const CHANGE =
      'mutation ($old: String!, $next: String!) { changePassword(oldPassword: $old, newPassword: $next) }';
    expect(codes(await run(CHANGE, eve.token, variables))).toEqual([]);
    expect(codes(await run('mutation { logoutAll }', eve.token))).toEqual([]);
    expect(codes(await run('{ me { id } }', key))).toEqual([]);

    const LOGIN = 'mutation ($input: LoginInput!) { login(input: $input) { accessToken } }';
    const input = { emailOrUsername: eve.username, password: next };
    const { data } = await gql<{ login: { accessToken: string } }>(server.origin, LOGIN, { input });
    const END = 'mutation ($password: String!) { deleteAccount(password: $password) }';
    expect(codes(await run(END, data?.login.accessToken ?? '', { password: next }))).toEqual([]);
    expect(codes(await run('{ me { id } }', key))).toEqual(['UNAUTHENTICATED']);
  });

  it('is taken from the Authorization header only, never from an address or a cookie', async () => {
    const { key } = await newKey(...ALL);
    const file = await newFile(ann.token);
    const inAddress = `access_token=${key}&authorization=Bearer%20${key}&token=${key}&key=${key}`;
    expect((await get(`/files/${file}/content?${inAddress}`)).status).toBe(404);
    const me = encodeURIComponent('{ me { id } }');
    const asked = { 'apollo-require-preflight': 'true', cookie: `token=${key}; imaginary_refresh=${key}` };
    const path = `/graphql?query=${me}&${inAddress}`;
    expect(codes(await send(server.origin, { method: 'GET', path, headers: asked }))).toEqual([
      'UNAUTHENTICATED',
    ]);
    expect((await get(`/files/${file}/content`, key)).status).toBe(200);
  });

  it('reads by GET too, within its scopes', async () => {
    const { key } = await newKey('ACCOUNT_READ');
    const ask = (query: string) =>
      send(server.origin, {
        method: 'GET',
        path: `/graphql?query=${encodeURIComponent(query)}`,
        headers: { 'apollo-require-preflight': 'true', authorization: `Bearer ${key}` },
      });
    expect(codes(await ask('{ me { id email usage { usedBytes fileCount } } }'))).toEqual([]);
    expect(codes(await ask('{ files { totalCount } }'))).toEqual(['FORBIDDEN']);
  });
});

it('No key is in the log, whatever was done with it', async () => {
  const { id, key } = await newKey(...ALL);
  await run('{ me { id } }', key);
  await get(`/files/${NO_KEY}/content?key=${key}`, key);
  await run(`{ file(id: "${key}") { id } }`, key);
  await revoke(id);
  await run('{ me { id } }', key);
  await upload(server.origin, key, { content: 'x' });
  expect(server.log().length).toBeGreaterThan(1_000);
  expect(server.log()).not.toMatch(/imst_[\w-]{8}/);
});
