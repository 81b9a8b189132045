import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, type Answer, gql, register, send } from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { ask, socketClient } from '../../support/socket.ts';

let server: RunningServer;
let ann: Account;

beforeAll(async () => {
  server = await startServer({
    NODE_ENV: 'production',
    JWT_SECRET: 'a secret of the tests that is long enough',
    RATE_LIMITS: 'register=off,api=400/600,uploads=off',
  });
  ann = await register(server.origin);
});
afterAll(() => server.stop());

const many = (count: number, text: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => text(i)).join(' ');
const get = (parameters: string, headers: Record<string, string>) =>
  send(server.origin, {
    method: 'GET',
    path: `/graphql?${parameters}`,
    headers: { ...headers, authorization: `Bearer ${ann.token}` },
  });

function expectRefused({ status, data, errors, text }: Answer<unknown>, message?: RegExp): void {
  expect([status, data ?? null, errors[0]?.extensions.code, text.slice(0, 300)]).toEqual([
    400,
    null,
    'BAD_USER_INPUT',
    text.slice(0, 300),
  ]);
  if (message) expect(errors[0]?.message).toMatch(message);
}

describe('A document that multiplies work', () => {
  const DOCUMENTS: readonly [what: string, query: string, message: RegExp][] = [
    [
      'by directives on one field (CVE-2022-37734 of graphql-java, CVE-2024-47614 of async-graphql)',
      `{ __typename ${'@a '.repeat(500)} }`,
      /50 directives/,
    ],
    [
      'by directives on operation, variables, spreads and fragments',
      `query ($a: Int ${'@a '.repeat(20)}) ${'@a '.repeat(20)} { ...F ${'@a '.repeat(20)} } fragment F on Query ${'@a '.repeat(20)} { __typename }`,
      /50 directives/,
    ],
    [
      'by aliases of one login each (Checkmarx 2022, “Alias and Directive Overloading in GraphQL”)',
      `mutation { ${many(21, (i) => `a${i}: login(input: { emailOrUsername: "x", password: "password${i}" }) { accessToken }`)} }`,
      /20 fields at the root/,
    ],
    ['by aliases below one root field', `{ me { ${many(31, (i) => `a${i}: id`)} } }`, /30 aliases/],
    [
      'by one field over and over (CVE-2024-39895 of Directus)',
      `{ me { ${many(1_000, () => 'id')} } }`,
      /600 fields/,
    ],
    [
      'by fields that validation compares in pairs (CVE-2023-26144 of graphql-js)',
      `{ ${many(20, () => `me { ${many(40, () => 'id')} }`)} }`,
      /600 fields/,
    ],
    [
      'by a fragment that spreads itself (CVE-2022-30288 of agoo)',
      '{ ...F } fragment F on Query { ...F }',
      /spreads itself/,
    ],
    [
      'by fragments in a circle, which nothing reaches',
      '{ __typename } fragment F on Query { ...G } fragment G on Query { ...H } fragment H on Query { ...F }',
      /spreads itself/,
    ],
    [
      'by fragments that hold two of the next (CVE-2025-32034 of Apollo Router)',
      `{ ...A0 } ${many(45, (i) => `fragment A${i} on Query { ...A${i + 1} ...A${i + 1} }`)} fragment A45 on Query { __typename }`,
      /20 fields at the root/,
    ],
    [
      'by nesting until the stack ends (CVE-2023-28867 of graphql-java)',
      '{a'.repeat(20_000),
      /too deeply|tokens/,
    ],
    [
      'by nesting a value',
      `{ file(id: ${'['.repeat(1_000)}1${']'.repeat(1_000)}) { id } }`,
      /20 levels of lists/,
    ],
    [
      'by lists within a page',
      `{ publicFiles(first: 100) { nodes { ${many(250, () => 'id')} } } }`,
      /more than 20000 values/,
    ],
  ];

  it.each(DOCUMENTS)('%s is refused, over HTTP and over a WebSocket', async (_what, query, message) => {
    expectRefused(await gql(server.origin, query), message);
    const client = socketClient(server.origin);
    expect((await ask(client, query)).errors).toMatchObject([{ message: expect.stringMatching(message) }]);
    await client.dispose();
  });

  it('is refused as a rate limit sees it, where each alias is small enough: each of them counts', async () => {
    const bob = await register(server.origin);
    const query = `{ ${many(20, (i) => `a${i}: __typename`)} }`;
    let allowed = 0;
    for (let i = 0; i < 30; i += 1) {
      const answer = await gql(server.origin, query, {}, bob.token);
      if (answer.status === 429) break;
      allowed += 1;
    }
    expect(allowed).toBe(20);
    // The next request of anybody else goes through.
    expect((await gql(server.origin, '{ me { id } }', {}, ann.token)).status).toBe(200);
  });
});

describe('The schema stays hidden in production (CWE-200; CVE-2024-50312 of OpenShift’s console)', () => {
  const GUESSES = [
    '{ mee { id } }',
    '{ me { usernam } }',
    '{ files(frist: 1) { totalCount } }',
    '{ file(id: 1) { idd } }',
    '{ __schema { types { name } } }',
    '{ __type(name: "User") { name } }',
    '{ me { ... on Usr { id } } }',
    'query ($f: FileFiltr) { files(filter: $f) { totalCount } }',
    '{ me { id @inclde(if: true) } }',
    '{ files(sort: { field: FILE_SIZ }) { totalCount } }',
  ];

  it.each(GUESSES)('no error guesses on, by POST, by GET or over a WebSocket: %s', async (query) => {
    const client = socketClient(server.origin, ann.token);
    const answers = [
      (await gql(server.origin, query, {}, ann.token)).text,
      (await get(`query=${encodeURIComponent(query)}`, { 'apollo-require-preflight': 'true' })).text,
      JSON.stringify(await ask(client, query)),
    ];
    await client.dispose();
    for (const text of answers) {
      expect(text).toContain('BAD_USER_INPUT');
      expect(text).not.toMatch(/did you mean|FileFilter|FILE_SIZE|"types"|@include/i);
    }
  });

  it('a variable guesses no more than a document', async () => {
    const client = socketClient(server.origin, ann.token);
    const query = 'query ($f: FileFilter, $s: FileSort) { files(filter: $f, sort: $s) { totalCount } }';
    for (const variables of [{ f: { serch: 'x' } }, { s: { field: 'FILE_SIZ' } }]) {
      for (const text of [
        (await gql(server.origin, query, variables, ann.token)).text,
        JSON.stringify(await ask(client, query, variables)),
      ]) {
        expect(text).toContain('BAD_USER_INPUT');
        expect(text).not.toMatch(/did you mean|FILE_SIZE/i);
      }
    }
    await client.dispose();
  });
});
