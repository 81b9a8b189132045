import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { codeOf, type Login, PASSWORD, rootOf, SET_ACTIVE, SET_ROLE } from '../../support/administrator.ts';
import { gql, register, upload } from '../../support/client.ts';
import { Inspector } from '../../support/leftovers.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

vi.setConfig({ testTimeout: 60_000 });

const SET_QUOTA =
  'mutation ($id: ID!, $quota: SafeInt) { setUserQuota(id: $id, quotaBytes: $quota) { usage { quotaBytes } } }';

let first: RunningServer;
let second: RunningServer;
let root: Login;
let inspector: Inspector;

beforeAll(async () => {
  first = await startServer();
  second = await startServer({ ...first.env, PORT: '0' });
  inspector = await Inspector.of(first);
  root = await rootOf(first);
});
afterAll(async () => {
  await inspector?.close();
  await second?.stop();
  await first?.stop();
});

const asRoot = <T = Record<string, unknown>>(query: string, variables = {}) =>
  gql<T>(first.origin, query, variables, root.accessToken);

describe('Administration', () => {
  it('is for administrators: the first made by the command line, the next by the first', async () => {
    const ann = await register(first.origin);
    const queries = [
      '{ users { totalCount } }',
      `{ user(id: "${ann.id}") { id } }`,
      '{ auditEvents { totalCount } }',
      '{ storageReport { accounts } }',
      `mutation { setUserActive(id: "${ann.id}", isActive: true) { id } }`,
      `mutation { setUserRole(id: "${ann.id}", role: ADMIN) { id } }`,
      `mutation { setUserQuota(id: "${ann.id}", quotaBytes: null) { id } }`,
    ];
    for (const query of queries) {
      expect(codeOf(await gql(first.origin, query, {}, ann.token)), query).toBe('FORBIDDEN');
      expect(codeOf(await gql(first.origin, query)), query).toBe('UNAUTHENTICATED');
    }
    const made = await asRoot(SET_ROLE, { id: ann.id, role: 'ADMIN' });
    expect(made.data).toEqual({ setUserRole: { id: ann.id, role: 'ADMIN' } });
    for (const query of queries)
      expect((await gql(first.origin, query, {}, ann.token)).errors, query).toEqual([]);
    await asRoot(SET_ROLE, { id: ann.id, role: 'USER' });
    expect(codeOf(await gql(first.origin, queries[0] ?? '', {}, ann.token))).toBe('FORBIDDEN');
  });

  it('shows accounts with what they hide from others, and nobody’s files', async () => {
    const ann = await register(first.origin);
    const stored = await upload(first.origin, ann.token, { content: 'private' });
    const found = await asRoot(
      'query ($search: String) { users(search: $search) { totalCount nodes { id email isActive role usage { usedBytes fileCount } } } }',
      { search: ann.username.toUpperCase() },
    );
    const account = { id: ann.id, email: `${ann.username}@example.org`, isActive: true, role: 'USER' };
    expect(found.data).toEqual({
      users: { totalCount: 1, nodes: [{ ...account, usage: { usedBytes: 7, fileCount: 1 } }] },
    });
    const file = `{ file(id: "${stored.data?.uploadFile.id}") { id } }`;
    expect(codeOf(await asRoot(file))).toBe('NOT_FOUND');
    expect((await asRoot('{ user(id: "64b000000000000000000001") { id } }')).data).toEqual({ user: null });
  });

  it('reports what is stored', async () => {
    const report = await asRoot(`{ storageReport {
      asOf accounts activeAccounts administrators files bytes trashedFiles unfinishedUploads contentsWaitingForCopies
      contentsWaitingForScan lostFiles quarantinedFiles storedByProvider { provider contents bytes }
      largestAccounts { usedBytes quotaBytes user { username } }
    } }`);
    expect(report.errors).toEqual([]);
    expect(report.data).toMatchObject({ storageReport: { lostFiles: 0, unfinishedUploads: 0 } });
  });

  it('lowers a quota below what is used: nothing is lost, and nothing new comes in', async () => {
    const ann = await register(first.origin);
    await upload(first.origin, ann.token, { content: 'x'.repeat(100) });
    const lowered = await asRoot(SET_QUOTA, { id: ann.id, quota: 10 });
    expect(lowered.data).toEqual({ setUserQuota: { usage: { quotaBytes: 10 } } });
    expect(codeOf(await upload(first.origin, ann.token, { content: 'y' }))).toBe('QUOTA_EXCEEDED');
    expect((await gql(first.origin, '{ files { totalCount } }', {}, ann.token)).data).toEqual({
      files: { totalCount: 1 },
    });
    expect(codeOf(await asRoot(SET_QUOTA, { id: ann.id, quota: -1 }))).toBe('BAD_USER_INPUT');
    expect(codeOf(await asRoot(SET_QUOTA, { id: ann.id }))).toBe('BAD_USER_INPUT');
    expect((await asRoot(SET_QUOTA, { id: ann.id, quota: null })).errors).toEqual([]);
    expect((await upload(first.origin, ann.token, { content: 'y' })).errors).toEqual([]);
  });

  it('never ends with nobody: of two who demote each other from two servers one stays', async () => {
    const other = await register(first.origin);
    await asRoot(SET_ROLE, { id: other.id, role: 'ADMIN' });
    const tries = Array.from({ length: 50 }, (_, i) => {
      const [token, id] = i % 2 ? [root.accessToken, other.id] : [other.token, root.user.id];
      const { origin } = i % 4 < 2 ? first : second;
      return gql(origin, SET_ROLE, { id, role: 'USER' }, token);
    });
    const codes = (await Promise.all(tries)).map(codeOf);
    expect(codes.filter((code) => code === undefined).length).toBeGreaterThan(0);
    expect(codes.every((code) => [undefined, 'CONFLICT', 'FORBIDDEN'].includes(code))).toBe(true);
    const { users } = await inspector.holdings();
    const left = users.filter(({ role, isActive }) => role === 'ADMIN' && isActive);
    expect(left).toHaveLength(1);

    // The others of these tests need the first one.
    root = await rootOf(first, 'promoted');
    await asRoot(SET_ROLE, { id: other.id, role: 'USER' });
    const last = await asRoot(SET_ROLE, { id: root.user.id, role: 'USER' });
    expect([codeOf(last), last.errors[0]?.message]).toEqual(['CONFLICT', expect.stringContaining('last')]);
    expect(codeOf(await asRoot(SET_ACTIVE, { id: root.user.id, isActive: false }))).toBe('CONFLICT');
    const remove = 'mutation ($password: String!) { deleteAccount(password: $password) }';
    expect(codeOf(await asRoot(remove, { password: PASSWORD }))).toBe('CONFLICT');
  });
});

describe('An account', () => {
  it('shows strangers its name, and neither its role nor whether and when it was last there', async () => {
    const [ann, bob] = [await register(first.origin), await register(first.origin)];
    await upload(first.origin, ann.token, { content: 'public' }, { isPublic: true });
    const owner = (fields: string) => `{ publicFiles(first: 1) { nodes { owner { ${fields} } } } }`;
    const shown = await gql(first.origin, owner('id username firstName createdAt'), {}, bob.token);
    expect(shown.data).toMatchObject({ publicFiles: { nodes: [{ owner: { username: ann.username } }] } });
    for (const field of ['email', 'role', 'isActive', 'isEmailVerified', 'lastLogin', 'updatedAt']) {
      for (const token of [bob.token, undefined]) {
        expect(codeOf(await gql(first.origin, owner(field), {}, token)), field).toBe('FORBIDDEN');
      }
      expect((await asRoot(owner(field))).errors, field).toEqual([]);
      expect((await gql(first.origin, `{ me { ${field} } }`, {}, bob.token)).errors, field).toEqual([]);
    }
  });
});
