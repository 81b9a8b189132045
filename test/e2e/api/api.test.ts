import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, type Answer, gql, register, upload } from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const CODES = [
  ...['BAD_USER_INPUT', 'UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND', 'CONFLICT', 'PAYLOAD_TOO_LARGE', 'GONE'],
  ...['UNSUPPORTED_MEDIA_TYPE', 'HASH_MISMATCH', 'QUOTA_EXCEEDED', 'RATE_LIMITED', 'INFECTED', 'FILE_LOCKED'],
  ...['STORAGE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR'],
];
const NO_FILE = '0'.repeat(24);
let server: RunningServer;
let ann: Account;
let bob: Account;
let foreign: string;

beforeAll(async () => {
  server = await startServer({ DEFAULT_QUOTA: '1000' });
  [ann, bob] = await Promise.all([register(server.origin), register(server.origin)]);
  const uploaded = await upload(server.origin, bob.token, { content: 'x' });
  foreign = uploaded.data?.uploadFile.id ?? '';
});
afterAll(() => server.stop());

const run = (query: string, variables: object = {}, token: string | undefined = ann.token) =>
  gql<Record<string, unknown>>(server.origin, query, variables, token);
/** Holds one answer’s errors against the contract. */
function expectErrors(answer: Answer<unknown>, code: string): void {
  expect(answer.errors.length, answer.text).toBeGreaterThan(0);
  for (const { message, extensions } of answer.errors) {
    expect(CODES).toContain(extensions.code);
    expect([extensions.code, message]).toEqual([code, message]);
    expect(extensions.requestId, message).toBe(answer.headers['x-request-id']);
    expect(Object.keys(extensions).filter((key) => !['code', 'requestId', 'issues'].includes(key))).toEqual(
      [],
    );
  }
  expect(answer.text).not.toMatch(/stack|node_modules|\.ts:|\.js:|mongo|TypeError/i);
}

describe('An error of an operation', () => {
  it.each([
    ['a syntax error', '{ me { id }', {}, 'BAD_USER_INPUT'],
    ['an unknown field', '{ me { nonsense } }', {}, 'BAD_USER_INPUT'],
    ['an unknown argument', '{ file(uid: 1) { id } }', {}, 'BAD_USER_INPUT'],
    ['a missing argument', '{ file { id } }', {}, 'BAD_USER_INPUT'],
    ['a missing variable', 'query ($id: ID!) { file(id: $id) { id } }', {}, 'BAD_USER_INPUT'],
    [
      'a wrong variable',
      'query ($n: Int) { files(first: $n) { nodes { id } } }',
      { n: 'x' },
      'BAD_USER_INPUT',
    ],
    [
      'a number past Int',
      'query ($n: Int) { files(first: $n) { nodes { id } } }',
      { n: 2 ** 40 },
      'BAD_USER_INPUT',
    ],
    [
      'a wrong date',
      '{ files(filter: { createdAfter: "yesterday" }) { nodes { id } } }',
      {},
      'BAD_USER_INPUT',
    ],
    ['a wrong enum', '{ files(sort: { field: SIZE }) { nodes { id } } }', {}, 'BAD_USER_INPUT'],
    ['two operations without a name', 'query A { me { id } } query B { me { id } }', {}, 'BAD_USER_INPUT'],
    ['an upload that is no file', 'mutation { uploadFile(file: "x") { id } }', {}, 'BAD_USER_INPUT'],
    [
      'an upload in JSON',
      'mutation ($f: Upload!) { uploadFile(file: $f) { id } }',
      { f: {} },
      'BAD_USER_INPUT',
    ],
    ['too small a page', '{ files(first: 0) { nodes { id } } }', {}, 'BAD_USER_INPUT'],
    ['a foreign cursor', '{ files(after: "eyJ.x") { nodes { id } } }', {}, 'BAD_USER_INPUT'],
    ['a subscription', 'subscription { me { id } }', {}, 'BAD_USER_INPUT'],
    ['no file', `{ file(id: "${NO_FILE}") { id } }`, {}, 'NOT_FOUND'],
    [
      'a taken name',
      'mutation ($n: String) { updateProfile(input: { username: $n }) { id } }',
      () => ({ n: bob.username }),
      'CONFLICT',
    ],
    ['somebody’s email', '{ publicFiles { nodes { owner { email } } } }', {}, 'FORBIDDEN'],
  ] as const)('%s has its code and the request’s id', async (what, query, variables, code) => {
    if (code === 'FORBIDDEN') {
      await run(`mutation { updateFile(id: "${foreign}", input: { isPublic: true }) { id } }`, {}, bob.token);
    }
    expectErrors(await run(query, typeof variables === 'function' ? variables() : variables), code);
    expect(what).toBeTruthy();
  });

  it('without a token, or with one that is not valid, is UNAUTHENTICATED', async () => {
    const queries = [
      '{ me { id } }',
      '{ files { nodes { id } } }',
      '{ tags { tag } }',
      'mutation { emptyTrash }',
    ];
    for (const query of [...queries, '{ storageStats { totalFiles } }', '{ sessions { id } }']) {
      expectErrors(await gql(server.origin, query), 'UNAUTHENTICATED');
      expectErrors(await gql(server.origin, query, {}, `${ann.token}x`), 'UNAUTHENTICATED');
    }
  });

  it('of an upload is PAYLOAD_TOO_LARGE, HASH_MISMATCH or QUOTA_EXCEEDED as the case may be', async () => {
    const content = 'x'.repeat(2000);
    expectErrors(await upload(server.origin, ann.token, { content }), 'QUOTA_EXCEEDED');
    const input = { sha256: '0'.repeat(64) };
    expectErrors(await upload(server.origin, ann.token, { content: 'x' }, input), 'HASH_MISMATCH');
  });

  it('names each rejected field by its path', async () => {
    const issuesOf = async (query: string, variables: object = {}) => {
      const answer = await run(query, variables);
      expectErrors(answer, 'BAD_USER_INPUT');
      const { issues = [] } = (answer.errors[0]?.extensions ?? {}) as {
        issues?: { field: string; message: string }[];
      };
      for (const { message } of issues) expect(message).toBeTruthy();
      return issues.map(({ field }) => field).sort();
    };
    const long = 'x'.repeat(5000);
    const input = { username: 'a b', email: 'nowhere', password: 'short', firstName: long };
    const registering = 'mutation ($input: RegisterInput!) { register(input: $input) { accessToken } }';
    expect(await issuesOf(registering, { input })).toEqual(['email', 'firstName', 'password', 'username']);
    const listing = 'query ($filter: FileFilter) { files(filter: $filter) { nodes { id } } }';
    const filter = { search: long, minSize: -1, tags: Array(21).fill('t') };
    expect(await issuesOf(listing, { filter })).toEqual(['filter.minSize', 'filter.search', 'filter.tags']);
    expect(await issuesOf(listing, { filter: { mimeType: 'png' } })).toEqual(['filter.mimeType']);
    const updating =
      'mutation ($id: ID!, $input: UpdateFileInput!) { updateFile(id: $id, input: $input) { id } }';
    const changes = {
      originalName: 'a/b',
      description: long,
      tags: [''],
      expiryDate: '2001-01-01T00:00:00Z',
    };
    const fields = ['description', 'expiryDate', 'originalName', 'tags'];
    expect(await issuesOf(updating, { id: foreign, input: changes })).toEqual(fields);
  });
});

describe('An id that is not one’s own', () => {
  const OPERATIONS = [
    'updateFile(id: $id, input: { description: "mine" }) { id }',
    'deleteFile(id: $id) { id }',
    'restoreFile(id: $id) { id }',
    'purgeFile(id: $id)',
  ];

  it('is NOT_FOUND, foreign, absent and malformed alike, in the same words', async () => {
    await run(`mutation { updateFile(id: "${foreign}", input: { isPublic: false }) { id } }`, {}, bob.token);
    for (const operation of ['file', ...OPERATIONS]) {
      const query =
        operation === 'file'
          ? 'query ($id: ID!) { file(id: $id) { id } }'
          : `mutation ($id: ID!) { ${operation} }`;
      const messages = [];
      for (const id of [foreign, NO_FILE, 'x', '', '\u0000', '$ne', 'é'.repeat(999), 12, `${foreign}\n`]) {
        const answer = await run(query, { id });
        expectErrors(answer, 'NOT_FOUND');
        messages.push(answer.errors[0]?.message);
      }
      expect(new Set(messages).size).toBe(1);
    }
    const mine = await run(`{ file(id: "${foreign}") { id isDeleted description } }`, {}, bob.token);
    expect(mine.data?.file).toEqual({ id: foreign, isDeleted: false, description: null });
  });

  it('is no more than seen where the file is public', async () => {
    await run(`mutation { updateFile(id: "${foreign}", input: { isPublic: true }) { id } }`, {}, bob.token);
    expect((await run(`{ file(id: "${foreign}") { id } }`)).errors).toEqual([]);
    for (const operation of OPERATIONS) {
      expectErrors(await run(`mutation ($id: ID!) { ${operation} }`, { id: foreign }), 'NOT_FOUND');
    }
  });
});

describe('An operator of the database', () => {
  it.each([
    ['query ($v: ID!) { file(id: $v) { id } }'],
    ['mutation ($v: ID!) { purgeFile(id: $v) }'],
    ['mutation ($v: ID!) { revokeSession(id: $v) }'],
    ['mutation ($v: ID!) { updateFile(id: $v, input: {}) { id } }'],
    ['mutation ($v: String!) { login(input: { emailOrUsername: $v, password: "x" }) { accessToken } }'],
    ['mutation ($v: String!) { login(input: { emailOrUsername: "x", password: $v }) { accessToken } }'],
    ['mutation ($v: String!) { refreshToken(refreshToken: $v) { accessToken } }'],
    ['mutation ($v: String!) { deleteAccount(password: $v) }'],
    ['mutation ($v: String!) { changePassword(oldPassword: $v, newPassword: "long enough") }'],
    ['mutation ($v: String!) { updateProfile(input: { firstName: $v }) { id } }'],
    ['query ($v: String!) { tags(prefix: $v) { tag } }'],
    ['query ($v: Int!) { tags(first: $v) { tag } }'],
    ['query ($v: String!) { files(after: $v) { nodes { id } } }'],
    ['query ($v: FileFilter) { files(filter: $v) { nodes { id } } }'],
    ['query ($v: FileSort) { files(sort: $v) { nodes { id } } }'],
    ['query ($v: String!) { files(filter: { search: $v }) { nodes { id } } }'],
    ['query ($v: String!) { files(filter: { mimeType: $v }) { nodes { id } } }'],
    ['query ($v: [String!]) { files(filter: { tags: $v }) { nodes { id } } }'],
    ['query ($v: SafeInt!) { files(filter: { minSize: $v }) { nodes { id } } }'],
    ['query ($v: DateTime!) { files(filter: { createdAfter: $v }) { nodes { id } } }'],
    ['query ($v: Boolean!) { files(filter: { isPublic: $v }) { nodes { id } } }'],
  ])('in place of a value is BAD_USER_INPUT: %s', async (query) => {
    for (const v of [{ $ne: null }, { $gt: '' }, { $regex: '.*' }, [{ $ne: 1 }], { $where: 'sleep(1000)' }]) {
      expectErrors(await run(query, { v }), 'BAD_USER_INPUT');
    }
  });
});
