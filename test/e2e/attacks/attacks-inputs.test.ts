import type { GraphQLSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, type Answer, gql, register, send, upload } from '../../support/client.ts';
import { declaredAt, placesOf, variablesWith } from '../../support/hostile-inputs.ts';
import { introspected, realFacts, stateOf } from '../../support/permission-facts.ts';
import {
  type Facts,
  type Operation,
  operationOf,
  type RootField,
  rootFieldsOf,
  sendOperation,
} from '../../support/plausible-operations.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { TestSocket } from '../../support/socket.ts';

const LONG = { timeout: 120_000 };
let server: RunningServer;
let schema: GraphQLSchema;
let ann: Account;
let bob: Account;
let facts: Facts;

beforeAll(async () => {
  server = await startServer();
  schema = await introspected(server.origin);
  ann = await register(server.origin);
  bob = await register(server.origin);
  facts = await realFacts(server.origin, ann, bob, 'what ann wrote');
});
afterAll(() => server.stop());

const codesOf = ({ errors }: Pick<Answer, 'errors'>) => errors.map(({ extensions }) => extensions.code);
const states = () => Promise.all([ann, bob].map((account) => stateOf(server.origin, account)));

/** Sends every operation with each of the changes; all must be BAD_USER_INPUT, and change nothing. */
async function refuseAll(changesOf: (root: RootField, operation: Operation) => [string, Operation][]) {
  const before = await states();
  const cases = rootFieldsOf(schema).flatMap((root) => changesOf(root, operationOf(root, facts)));
  const wrong: string[] = [];
  for (let i = 0; i < cases.length; i += 10) {
    const some = cases.slice(i, i + 10).map(async ([what, operation]) => {
      const { data, errors, text } = await sendOperation(server.origin, operation, ann.token);
      const codes = new Set(codesOf({ errors }));
      if (data || codes.size !== 1 || !codes.has('BAD_USER_INPUT')) wrong.push(`${what}: ${text}`);
    });
    await Promise.all(some);
  }
  expect(wrong).toEqual([]);
  expect(await states()).toEqual(before);
  return cases.length;
}

// CVE-2021-22911 of Rocket.Chat, CVE-2024-53900 of Mongoose: an object where a text was meant became a query.
describe('Operators of the database', () => {
  const OPERATORS = [{ $ne: null }, { $gt: '' }, { $where: 'sleep(5000)' }, [{ $regex: '.*' }], [['x']]];

  it(
    'are refused in every argument and in every field of every input, and have no effect',
    LONG,
    async () => {
      const tried = await refuseAll((root, operation) =>
        placesOf(root)
          // A list that a file is mapped into is the business of the multipart tests.
          .filter(({ path }) => !operation.files.includes(`variables.${path.join('.')}`))
          .flatMap(({ path }) =>
            OPERATORS.map((operator): [string, Operation] => [
              `${root.name} ${path.join('.')} ${JSON.stringify(operator)}`,
              { ...operation, variables: variablesWith(operation.variables, path, operator) },
            ]),
          ),
      );
      expect(tried).toBeGreaterThan(300);
    },
  );

  it.each([
    'imaginary_refresh={"$ne":null}',
    'imaginary_refresh=j:{"$ne":null}',
    'imaginary_refresh[$ne]=; imaginary_refresh[]=x',
    `imaginary_refresh=${encodeURIComponent('{"$gt":""}')}`,
    'imaginary_refresh=__proto__; __proto__=x; constructor=y',
  ])('in a cookie open no session: %s', async (cookie) => {
    const answer = await send(server.origin, {
      headers: { 'content-type': 'application/json', 'x-refresh-token-delivery': 'cookie', cookie },
      body: JSON.stringify({ query: 'mutation { refreshToken { accessToken } }' }),
    });
    expect([answer.data, codesOf(answer)]).toEqual([null, ['UNAUTHENTICATED']]);
  });

  it('speak for nobody as a token, over HTTP or a WebSocket', async () => {
    for (const token of [
      '{"$ne":null}',
      '[object Object]',
      'imst_{"$gt":""}',
      '$ne',
      '%7B%22%24ne%22%3A1%7D',
    ]) {
      expect(codesOf(await gql(server.origin, '{ me { id } }', {}, token))).toEqual(['UNAUTHENTICATED']);
    }
    for (const authorization of [{ $ne: null }, ['Bearer x'], { toString: 'x' }, 7, true]) {
      const socket = await TestSocket.open(server.origin);
      socket.send({ type: 'connection_init', payload: { authorization } });
      expect([authorization, await socket.closed]).toEqual([authorization, 4403]);
    }
  });

  it('find nothing in an address', async () => {
    const { data } = await upload(server.origin, bob.token, { content: 'of bob' });
    const id = data?.uploadFile.id ?? '';
    for (const [path, statuses] of [
      ['/files/%7B%22$ne%22:null%7D/content', [404]],
      ['/files/[$ne]/content', [404]],
      [`/files/${id}/content?signature[$ne]=x&expires[$gt]=0&disposition=inline`, [403, 404]],
      [`/files/${id}/content?signature=x&signature=y&expires=1&expires=2`, [403]],
      [`/files/${id}/content?signature[]=x&__proto__[signature]=y`, [403, 404]],
      ['/avatars/[$ne]/[$ne]', [404]],
      [`/exports/${bob.id}?expires[$gt]=0&signature[$ne]=x`, [403]],
      [`/uploads/${id}/parts/[$ne]?expires[$gt]=0&signature[$ne]=x`, [404]],
    ] as const) {
      const answer = await send(server.origin, { method: 'GET', path });
      expect([path, statuses.includes(answer.status as never), answer.status]).toEqual([
        path,
        true,
        answer.status,
      ]);
      expect(answer.text).not.toContain('of bob');
    }
  });
});

// CVE-2012-2055 of GitHub: what a form did not show could be set all the same.
describe('What nobody may set', () => {
  const HIDDEN = {
    role: 'ADMIN',
    isActive: true,
    isEmailVerified: true,
    quotaBytes: null,
    usedBytes: 0,
    userId: '0'.repeat(24),
    _id: '0'.repeat(24),
    passwordHash: 'x',
    secondFactor: null,
    uploadStatus: 'COMPLETED',
    storageProvider: 'local',
    blob: '0'.repeat(24),
    virus: { isScanned: true, isClean: true },
    encryption: { isEncrypted: false },
    downloadCount: 0,
    tokenHash: 'x',
    __proto__x: 1,
    $set: { role: 'ADMIN' },
    'user.role': 'ADMIN',
  };

  it('is refused as a field of every input, and stays as it is', LONG, async () => {
    const tried = await refuseAll((root, operation) =>
      placesOf(root)
        .filter(({ kind }) => kind === 'object')
        .flatMap(({ path }) => {
          const declared = declaredAt(schema, root, path);
          expect(declared.length, `${root.name} ${path.join('.')}`).toBeGreaterThan(0);
          return Object.entries(HIDDEN)
            .filter(([name]) => !declared.includes(name))
            .map(([name, value]): [string, Operation] => [
              `${root.name} ${path.join('.')}.${name}`,
              { ...operation, variables: variablesWith(operation.variables, [...path, name], value) },
            ]);
        }),
    );
    expect(tried).toBeGreaterThan(150);
  });

  it('is refused as an argument of every field', LONG, async () => {
    await refuseAll((root, operation) =>
      ['role', 'userId', 'isEmailVerified', 'quotaBytes', 'filter_', '_where'].map((name) => {
        const call = new RegExp(`\\b${root.field.name}(?:\\(|(?= \\{| \\}))`);
        const query = operation.query.replace(call, (found) =>
          found.endsWith('(') ? `${found}${name}: "x", ` : `${found}(${name}: "x")`,
        );
        expect(query).not.toBe(operation.query);
        return [`${root.name}(${name})`, { ...operation, query }];
      }),
    );
  });
});

// CVE-2023-22894 of Strapi: who may filter or sort by a hidden field can read it, one character at a time.
describe('A hidden field', () => {
  const PATHS = [
    'password',
    'userId',
    'blob',
    'storageLocation',
    'owner.password',
    '$where',
    '__proto__',
    'toString',
  ];

  it.each(PATHS)('is nothing to sort or to filter by: %s', async (field) => {
    for (const [query, variables] of [
      ['query ($v: FileSort) { files(sort: $v) { totalCount } }', { v: { field, direction: 'ASC' } }],
      ['query ($v: FileSort) { publicFiles(sort: $v) { totalCount } }', { v: { field, direction: 'ASC' } }],
      ['query ($v: FileFilter) { publicFiles(filter: $v) { totalCount } }', { v: { [field]: 'a' } }],
    ] as const) {
      const answer = await gql(server.origin, query, variables, ann.token);
      const body = JSON.stringify(variables).includes('__proto__') && !answer.errors.length;
      // As a key of JSON it names nothing that a filter has, so the filter is empty.
      if (!body) expect([answer.data, codesOf(answer)]).toEqual([null, ['BAD_USER_INPUT']]);
    }
  });

  // CVE-2021-22911 again: a `$regex` told a reset token, one character at a time. A prefix is a text, not a pattern.
  it.each(['.*', '^', '(a+)+$', '[', '\\', '$', '(?s).', '\u0000'])(
    'is not reached by a prefix or by words that are a pattern: %j',
    async (pattern) => {
      await upload(
        server.origin,
        ann.token,
        { content: 'x' },
        { tags: ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'] },
      );
      const query =
        'query ($p: String!) { tags(prefix: $p) { tag } files(filter: { search: $p }) { totalCount } }';
      const began = performance.now();
      const answer = await gql<{ tags: unknown[] }>(server.origin, query, { p: pattern }, ann.token);
      expect(answer.status).toBeLessThan(500);
      expect(codesOf(answer).filter((code) => code !== 'BAD_USER_INPUT')).toEqual([]);
      expect(answer.data?.tags ?? []).toEqual([]);
      expect(performance.now() - began).toBeLessThan(5_000);
    },
  );
});

// CWE-779: whoever can fill the log with failures hides his own, and wakes people at night.
it('What clients do wrong is no failure of the service in its log', async () => {
  const large = `{ ${'me { id } '.repeat(1_500)} }`;
  for (const query of [large, `{ ${'me { '.repeat(5_000)}`, '{', '{ nothing }']) {
    expect(codesOf(await gql(server.origin, query, {}, ann.token))).toContain('BAD_USER_INPUT');
    await gql(server.origin, query, {}, `${ann.token}x`);
  }
  expect(server.log()).not.toMatch(/a request failed|\bERROR\b/);
});
