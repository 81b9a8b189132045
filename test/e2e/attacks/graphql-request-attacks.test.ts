import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Account,
  type Answer,
  gql,
  multipart,
  register,
  send,
  sendParts,
  UPLOAD_FILE,
  upload,
  uploadHeaders,
} from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { ask, socketClient } from '../../support/socket.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
let server: RunningServer;
let ann: Account;

beforeAll(async () => {
  server = await startServer();
  ann = await register(server.origin);
});
afterAll(() => server.stop());

const many = (count: number, text: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => text(i)).join(' ');
const post = (body: string, headers: Record<string, string> = JSON_TYPE) =>
  send(server.origin, { body, headers: { ...headers, authorization: `Bearer ${ann.token}` } });
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

const firstName = async () => {
  const { data } = await gql<{ me: { firstName: string | null } }>(
    server.origin,
    '{ me { firstName } }',
    {},
    ann.token,
  );
  return data?.me.firstName ?? null;
};

describe('A foreign page (GHSA-2p3c-p3qw-69r4 of Apollo Server 2, CVE-2024-4994 of GitLab)', () => {
  const CHANGE = 'mutation { updateProfile(input: { firstName: "Mallory" }) { id } }';

  it.each([
    'text/plain',
    'text/plain; application/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    'text/json',
    '*/*',
    'application/json, text/plain',
  ])('changes nothing by a POST as %s', async (type) => {
    const answer = await post(JSON.stringify({ query: CHANGE }), { 'content-type': type });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.data ?? null).toBeNull();
    expect(await firstName()).toBeNull();
  });

  it('changes nothing by a multipart form, however it is filled in', async () => {
    const form = multipart([
      { name: 'operations', content: JSON.stringify({ query: CHANGE }) },
      { name: 'map', content: '{}' },
      { name: 'query', content: CHANGE },
    ]);
    const { 'apollo-require-preflight': _, ...headers } = uploadHeaders(ann.token);
    const answer = await send(server.origin, { body: form, headers });
    expect([answer.status, answer.errors[0]?.extensions.code]).toEqual([400, 'BAD_USER_INPUT']);
    expect(await firstName()).toBeNull();
  });

  it.each([
    ['a mutation', `query=${encodeURIComponent(CHANGE)}`],
    [
      'a mutation behind a query',
      `query=${encodeURIComponent(`query A { __typename } ${CHANGE.replace('mutation', 'mutation B')}`)}&operationName=B`,
    ],
    [
      'a mutation beside a query of the same name',
      `query=${encodeURIComponent(`query A { __typename } ${CHANGE.replace('mutation', 'mutation A')}`)}&operationName=A`,
    ],
    ['two documents', `query=${encodeURIComponent('{ __typename }')}&query=${encodeURIComponent(CHANGE)}`],
  ])('changes nothing by a GET with %s', async (_what, parameters) => {
    const answer = await get(parameters, { 'apollo-require-preflight': 'true' });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
    expect(await firstName()).toBeNull();
  });

  it('learns nothing by a GET, whatever media type it claims', async () => {
    const query = `query=${encodeURIComponent('{ me { id } }')}`;
    for (const type of ['text/plain', 'multipart/form-data', 'x', 'text/plain; a=application/json', '']) {
      const answer = await get(query, type ? { 'content-type': type } : {});
      expect([type, [400, 415].includes(answer.status), answer.data ?? null]).toEqual([type, true, null]);
    }
  });
});

describe('A body that says two things', () => {
  it('in one key is judged by what runs: the last', async () => {
    const large = `{ me { ${many(31, (i) => `a${i}: id`)} } }`;
    expectRefused(await post(`{"query":"{ __typename }","query":"${large}"}`), /30 aliases/);
    const twice = await post(`{"query":"${large}","query":"{ __typename }"}`);
    expect(twice.data).toEqual({ __typename: 'Query' });
  });

  it('in two `operations`, by the first', async () => {
    const operations = (query: string) => ({ name: 'operations', content: JSON.stringify({ query }) });
    const answer = await sendParts(server.origin, ann.token, [
      operations('{ __typename }'),
      { name: 'map', content: '{}' },
      operations('mutation { updateProfile(input: { firstName: "Mallory" }) { id } }'),
    ]);
    expect(answer.data).toEqual({ __typename: 'Query' });
    expect(await firstName()).toBeNull();
  });

  it.each([
    ['an unknown name', '"C"'],
    ['a name of every object', '"constructor"'],
    ['a number', '7'],
    ['a list', '["A"]'],
    ['an operator', '{"$ne":"A"}'],
    ['nothing, where there are two', '""'],
  ])('by operationName runs nothing: %s', async (_what, name) => {
    const query = 'query A { __typename } query B { __typename }';
    const answer = await post(`{"query":${JSON.stringify(query)},"operationName":${name}}`);
    expectRefused(answer);
  });

  it('by a cheap operation beside the one that runs is judged by the one that runs', async () => {
    const costly = `query B($n: Int = 1) { files(first: $n) { nodes { ${many(250, () => 'id')} } } }`;
    const answer = await post(
      JSON.stringify({
        query: `query A { __typename } ${costly}`,
        operationName: 'B',
        variables: { n: 100 },
      }),
    );
    expectRefused(answer, /more than 20000 values/);
  });

  it('as a batch runs none of it (each array of logins is one request to a limit)', async () => {
    const login = {
      query: 'mutation { login(input: { emailOrUsername: "x", password: "y" }) { accessToken } }',
    };
    for (const batch of [[login, login], [login], [[login]], { 0: login, length: 1 }])
      expectRefused(await post(JSON.stringify(batch)));
    const parts = [
      { name: 'operations', content: JSON.stringify([login]) },
      { name: 'map', content: '{}' },
    ];
    expectRefused(await sendParts(server.origin, ann.token, parts));
  });
});

describe('Variables', () => {
  const QUERY = 'query ($f: FileFilter) { files(filter: $f) { totalCount } }';

  it.each([
    ['lists 200,000 levels deep', `{"f":${'['.repeat(200_000)}${']'.repeat(200_000)}}`],
    ['objects 100,000 levels deep', `{"f":${'{"f":'.repeat(100_000)}1${'}'.repeat(100_000)}}`],
    ['a list of 100,000 tags', `{"f":{"tags":[${'"x",'.repeat(99_999)}"x"]}}`],
    [
      '50,000 names that the document does not',
      `{${Array.from({ length: 50_000 }, (_, i) => `"v${i}":1`).join(',')},"f":{"x":1}}`,
    ],
    ['one text of almost 1 MiB', `{"f":{"search":"${'x'.repeat(1_000_000)}"}}`],
    ['a number of 100,000 digits', `{"f":{"minSize":${'9'.repeat(100_000)}}}`],
  ])('that are %s are refused within a second (CVE-2023-1370 of json-smart)', async (_what, variables) => {
    const began = performance.now();
    const answer = await post(`{"query":${JSON.stringify(QUERY)},"variables":${variables}}`);
    expect([answer.status < 500, answer.errors[0]?.extensions.code]).toEqual([true, 'BAD_USER_INPUT']);
    expect(performance.now() - began).toBeLessThan(1_000);
    expect(answer.text.length).toBeLessThan(10_000);
  });

  it('that name a prototype change no prototype, in JSON, in a map or over a WebSocket (CVE-2020-15256 of object-path)', async () => {
    const polluted = async () => {
      const answer = await gql(server.origin, QUERY, { f: {} }, ann.token);
      expect([answer.status, answer.errors]).toEqual([200, []]);
    };
    for (const key of ['__proto__', 'constructor']) {
      const variables = `{"${key}":{"prototype":{"search":"x"},"search":"x"},"f":{"${key}":{"search":"x"}}}`;
      await post(`{"query":${JSON.stringify(QUERY)},"variables":${variables}}`);
      await polluted();
    }
    for (const path of [
      'variables.__proto__.file',
      'variables.constructor.prototype.file',
      'variables.file.__proto__',
      '__proto__.file',
      'constructor.prototype.x',
    ]) {
      const answer = await sendParts(server.origin, ann.token, [
        {
          name: 'operations',
          content: `{"query":${JSON.stringify(UPLOAD_FILE)},"variables":{"file":null,"__proto__":{"file":null}}}`,
        },
        { name: 'map', content: JSON.stringify({ 0: [path] }) },
        { name: '0', filename: 'a.txt', content: 'x' },
      ]);
      expectRefused(answer);
      expect((await upload(server.origin, ann.token, { content: 'x' })).errors).toEqual([]);
    }
    const client = socketClient(server.origin, ann.token);
    await ask(client, QUERY, JSON.parse('{"__proto__":{"search":"x"},"f":{"__proto__":{"search":"x"}}}'));
    await client.dispose();
    await polluted();
  });
});
