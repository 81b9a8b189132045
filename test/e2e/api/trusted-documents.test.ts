import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Account,
  type Answer,
  operationParts,
  register,
  send,
  sendParts,
} from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { ask, socketClient } from '../../support/socket.ts';

const REGISTER = 'mutation ($input: RegisterInput!) { register(input: $input) { accessToken user { id } } }';
const ME = 'query Me { me { id } }';
const UPLOAD = 'mutation Up($file: Upload!) { uploadFile(file: $file) { originalName } }';
const BY_NAME = 'query Named { me { username } }';
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

let folder: string;
let server: RunningServer;
let ann: Account;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-trusted-'));
  await writeFile(join(folder, 'own.graphql'), `${ME}\n`);
  await writeFile(
    join(folder, 'apollo.json'),
    JSON.stringify({
      format: 'apollo-persisted-query-manifest',
      version: 1,
      operations: [{ id: 'named', name: 'Named', type: 'query', body: BY_NAME }],
    }),
  );
  await writeFile(
    join(folder, 'codegen.json'),
    JSON.stringify({ [sha256(UPLOAD)]: UPLOAD, register: REGISTER }),
  );
  server = await startServer({ TRUSTED_DOCUMENTS: folder });
  ann = await register(server.origin);
});
afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true });
});

const post = (body: object) =>
  send<{ me: object }>(server.origin, {
    headers: { 'content-type': 'application/json', authorization: `Bearer ${ann.token}` },
    body: JSON.stringify(body),
  });
const get = (parameters: Record<string, string>) =>
  send<{ me: object }>(server.origin, {
    method: 'GET',
    path: `/graphql?${new URLSearchParams(parameters)}`,
    headers: { 'apollo-require-preflight': 'true', authorization: `Bearer ${ann.token}` },
  });
const persisted = (sha256Hash: string) => ({ persistedQuery: { version: 1, sha256Hash } });

function expectUntrusted({ status, errors, data, text }: Answer<unknown>): void {
  expect([status, data, errors[0]?.extensions.code, text]).toEqual([400, null, 'BAD_USER_INPUT', text]);
  expect(errors[0]?.message).toMatch(/^Only trusted documents run here/);
}

describe('With TRUSTED_DOCUMENTS', () => {
  const me = () => ({ me: { id: ann.id } });
  const named = () => ({ me: { username: ann.username } });

  it('a document runs by its text or its id, by POST and by GET', async () => {
    expect((await post({ query: ME })).data).toEqual(me());
    expect((await post({ query: 'query Me{me{id}}' })).data).toEqual(me());
    expect((await post({ documentId: 'named' })).data).toEqual(named());
    expect((await post({ extensions: persisted(sha256(BY_NAME)) })).data).toEqual(named());
    expect((await post({ extensions: persisted('named'), operationName: 'Named' })).data).toEqual(named());
    expect((await get({ query: ME })).data).toEqual(me());
    expect((await get({ documentId: 'named' })).data).toEqual(named());
    expect((await get({ extensions: JSON.stringify(persisted('named')) })).data).toEqual(named());
  });

  it('an upload runs, by multipart', async () => {
    const operations = JSON.stringify({ documentId: sha256(UPLOAD), variables: { file: null } });
    const answer = await sendParts<{ uploadFile: object }>(server.origin, ann.token, [
      { name: 'operations', content: operations },
      { name: 'map', content: '{"0":["variables.file"]}' },
      { name: '0', filename: 'a.txt', content: 'hello' },
    ]);
    expect(answer.data).toEqual({ uploadFile: { originalName: 'a.txt' } });
  });

  it('it runs over a WebSocket', async () => {
    const client = socketClient(server.origin, ann.token);
    expect((await ask(client, ME)).data).toEqual(me());
    expect((await ask(client, '', {}, persisted('named'))).data).toEqual(named());
    for (const query of ['{ me { id } }', '{', '']) {
      expect((await ask(client, query)).errors).toMatchObject([
        { message: expect.stringMatching(/^Only trusted/) },
      ]);
    }
    await client.dispose();
  });

  it.each<[what: string, body: object]>([
    ['another document', { query: '{ me { id } }' }],
    ['another name for one', { query: ME.replace('Me', 'You') }],
    ['one with a comment', { query: `${ME} # mine` }],
    ['one and another in one text', { query: `${ME} query Other { me { email } }`, operationName: 'Other' }],
    ['what is no GraphQL', { query: '{' }],
    ['nothing', {}],
    ['an unknown id', { documentId: 'other' }],
    ['an id of every object', { documentId: 'constructor' }],
    ['an id that is no text', { documentId: { $gt: '' } }],
    ['the id of one with the text of another', { documentId: 'named', query: ME }],
    ['introspection', { query: '{ __schema { types { name } } }' }],
  ])('%s is refused before it is parsed', async (_what, body) => {
    expectUntrusted(await post(body));
  });

  it('nothing else runs by GET or multipart either, and there is no Playground', async () => {
    expectUntrusted(await get({ query: '{ me { id } }' }));
    expectUntrusted(await get({ query: ME, documentId: 'named' }));
    const parts = operationParts(
      `${UPLOAD} `.replace('Up', 'Down'),
      { file: null },
      { 0: ['variables.file'] },
    );
    expectUntrusted(
      await sendParts(server.origin, ann.token, [...parts, { name: '0', filename: 'a', content: 'x' }]),
    );
    const page = await send(server.origin, { method: 'GET', headers: { accept: 'text/html' } });
    expect([page.status, page.text.includes('Playground')]).toEqual([400, false]);
  });

  it('a batch runs nothing, trusted or not', async () => {
    const answer = await post([{ query: ME }, { query: '{ me { email } }' }]);
    expect([answer.status, answer.data]).toEqual([400, null]);
  });

  it.each<[what: string, text: string, message: RegExp]>([
    ['is not valid for the schema', 'query Q { nothing }', /Q: Cannot query field "nothing"/],
    ['is no GraphQL', 'query {', /bad\.graphql: Syntax Error/],
    ['is beyond the limits', `{ ${'a: __typename '.repeat(21)} }`, /more than 20 fields at the root/],
  ])('the server does not start when one %s, and says why', async (_what, text, message) => {
    const file = join(folder, 'bad.graphql');
    await writeFile(file, text);
    const start = startServer({ TRUSTED_DOCUMENTS: file });
    await expect(start).rejects.toThrow(
      /imaginaryStorage could not start\. TRUSTED_DOCUMENTS is not right: /,
    );
    await expect(start).rejects.toThrow(message);
    await rm(file);
  });

  it('the typed documents of this repository are such documents', async () => {
    const own = await startServer({
      TRUSTED_DOCUMENTS: new URL('../../../operations', import.meta.url).pathname,
    });
    try {
      const query = await readFile(new URL('../../../operations/accounts.graphql', import.meta.url), 'utf8');
      const input = { username: 'carl', email: 'carl@example.org', password: ann.password };
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ query, operationName: 'register', variables: { input } });
      const answer = await send<{ register: { user: object } }>(own.origin, { headers, body });
      expect(answer.data?.register.user).toMatchObject({ username: 'carl' });
    } finally {
      await own.stop();
    }
  });
});
