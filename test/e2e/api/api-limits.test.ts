import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, type Answer, gql, register, send } from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

let server: RunningServer;
let ann: Account;

beforeAll(async () => {
  server = await startServer();
  ann = await register(server.origin);
});
afterAll(() => server.stop());

const get = (path: string, headers: Record<string, string> = {}, origin = server.origin) =>
  send(origin, { method: 'GET', path, headers });
const ask = (query: string) => `/graphql?query=${encodeURIComponent(query)}`;

function expectRefused(answer: Answer<unknown>, status: number, code: string): void {
  expect([answer.status, answer.errors[0]?.extensions.code, answer.text]).toEqual([
    status,
    code,
    answer.text,
  ]);
  expect(answer.errors[0]?.extensions.requestId, answer.text).toBe(answer.headers['x-request-id']);
  expect(answer.data).toBeNull();
}

describe('An operation that is too large', () => {
  const many = (count: number, text: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => text(i)).join(' ');
  const LARGE: readonly [what: string, query: string][] = [
    ['deep', `{ ${'a { '.repeat(13)} id ${'} '.repeat(13)} }`],
    ['of aliases', `{ ${many(31, (i) => `a${i}: __typename`)} }`],
    ['of tokens', `{ me { ${many(3000, () => 'id')} } }`],
    ['of root fields', `{ ${many(21, () => '__typename')} }`],
    ['of fragments', `{ __typename } ${many(51, (i) => `fragment F${i} on Query { __typename }`)}`],
    ['of directives', `{ __typename ${'@skip(if: false) '.repeat(51)} }`],
    ['of nested values', `{ files(filter: { tags: ${'['.repeat(50)}${']'.repeat(50)} }) { nodes { id } } }`],
    [
      'of doubling fragments',
      `{ ...A0 } ${many(40, (i) => `fragment A${i} on Query { ...A${i + 1} ...A${i + 1} }`)} fragment A40 on Query { __typename }`,
    ],
  ];

  it.each(LARGE)('%s is refused, by POST and by GET', async (_what, query) => {
    expectRefused(await gql(server.origin, query, {}, ann.token), 400, 'BAD_USER_INPUT');
    if (query.length > 8000) return;
    const headers = { 'apollo-require-preflight': 'true' };
    expectRefused(await get(ask(query), headers), 400, 'BAD_USER_INPUT');
  });

  it.each(LARGE.filter(([, query]) => query.length < 8000))(
    '%s is refused by GET when its address is not well encoded',
    async (_what, query) => {
      const answer = await get(`${ask(query)}%23%FF`, { 'apollo-require-preflight': 'true' });
      expectRefused(answer, 400, 'BAD_USER_INPUT');
      expect(answer.errors[0]?.message).toMatch(/^The document /);
    },
  );

  it('or asks for too many values is refused, however it says so', async () => {
    const inner = `nodes { ${many(25, (i) => `f${i}: id`)} ${many(200, () => 'id')} }`;
    const query = `query ($n: Int) { files(first: $n) { ${inner} } }`;
    expectRefused(await gql(server.origin, query, { n: 100 }, ann.token), 400, 'BAD_USER_INPUT');
    expectRefused(
      await gql(server.origin, query.replace('$n: Int', '$n: Int = 100'), {}, ann.token),
      400,
      'BAD_USER_INPUT',
    );
    expect((await gql(server.origin, query, { n: 1 }, ann.token)).errors).toEqual([]);
  });

  it('is refused without slowing anything down', async () => {
    const began = performance.now();
    for (const [, query] of LARGE) await gql(server.origin, query);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});
