import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Account,
  type Answer,
  gql,
  operationParts,
  register,
  send,
  sendParts,
  upload,
} from '../../support/client.ts';
import { createKey, type Scope } from '../../support/keys.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { SlowUpload } from '../../support/slow-upload.ts';

let server: RunningServer;
let ann: Account;

beforeAll(async () => {
  server = await startServer();
  ann = await register(server.origin);
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

/** A signed address that this token asks for. */
async function addressOf(file: string, token: string): Promise<string> {
  const query = 'query ($id: ID!) { file(id: $id) { downloadUrl(expiresInSeconds: 3600) } }';
  const { data, text } = await run<{ file: { downloadUrl: string } }>(query, token, { id: file });
  if (!data) throw new Error(text);
  return data.file.downloadUrl.slice(server.origin.length);
}

describe('A key without files:write', () => {
  it('sends no body: it is refused by its headers alone', async () => {
    const { key } = await newKey('FILES_READ', 'SHARES_WRITE', 'ACCOUNT_READ');
    const query = 'mutation ($file: Upload!) { uploadFile(file: $file) { id } }';
    // A body that is never sent: the answer comes all the same.
    const answer = await send(server.origin, {
      headers: {
        'content-type': 'multipart/form-data; boundary=x',
        'apollo-require-preflight': 'true',
        authorization: `Bearer ${key}`,
        'content-length': '1000000',
        expect: '100-continue',
      },
    });
    expect([answer.status, ...codes(answer)]).toEqual([403, 'FORBIDDEN']);
    const parts = operationParts(query, { file: null }, { 0: ['variables.file'] });
    const whole = await sendParts(server.origin, key, [...parts, { name: '0', filename: 'a', content: 'x' }]);
    expect(codes(whole)).toEqual(['FORBIDDEN']);
  });
});

describe('A key with files:write alone', () => {
  it('uploads and is told what it made, but neither where to fetch it nor about the account', async () => {
    const { key } = await newKey('FILES_WRITE');
    const query =
      'mutation ($file: Upload!) { uploadFile(file: $file) { id originalName owner { username } url: downloadUrl } }';
    const made = (fields: string) =>
      sendParts<{ uploadFile: object }>(server.origin, key, [
        ...operationParts(
          query.replace('url: downloadUrl', fields),
          { file: null },
          { 0: ['variables.file'] },
        ),
        { name: '0', filename: 'made.txt', content: 'x' },
      ]);
    const plain = await made('');
    expect(plain.data?.uploadFile).toMatchObject({
      originalName: 'made.txt',
      owner: { username: ann.username },
    });
    for (const field of ['downloadUrl', 'thumbnailUrl', 'owner { email }', 'owner { usage { usedBytes } }']) {
      const answer = await made(field);
      expect([field, ...codes(answer)]).toEqual([field, 'FORBIDDEN']);
      expect(answer.text).not.toMatch(/signature=|@example\.org|usedBytes":/);
    }
  });

  it('fetches no content', async () => {
    const { key } = await newKey('FILES_WRITE');
    const file = await newFile(key);
    const answer = await get(`/files/${file}/content`, key);
    expect(answer.status).toBe(403);
    expect(answer.text).not.toContain('the content');
  });
});

describe('What a key hands out', () => {
  it('ends with it: a signed address, at once, and nobody else’s', async () => {
    const [one, two] = [await newKey('FILES_READ'), await newKey('FILES_READ')];
    const file = await newFile(ann.token);
    const [byOne, byTwo, byAnn] = [
      await addressOf(file, one.key),
      await addressOf(file, two.key),
      await addressOf(file, ann.token),
    ];
    for (const address of [byOne, byTwo, byAnn]) expect((await get(address)).text).toBe('the content');
    await revoke(one.id);
    expect([(await get(byOne)).status, (await get(byTwo)).status, (await get(byAnn)).status]).toEqual([
      404, 200, 200,
    ]);
  });

  it('ends with it: an upload that is under way, of which nothing is left', async () => {
    const { id, key } = await newKey('FILES_WRITE');
    const usage = async () => (await run('{ me { usage { usedBytes fileCount } } }', ann.token)).data;
    const before = await usage();
    const sending = new SlowUpload(server.origin, key);
    await sending.send(Buffer.alloc(200_000));
    await revoke(id);
    expect(await sending.end().catch(() => 'cut')).toMatch(/UNAUTHENTICATED|^cut$/);
    await expect.poll(usage, { timeout: 5_000 }).toEqual(before);
  });

  it('is bound to the key: an address that leaves it out is not ours', async () => {
    const { id, key } = await newKey('FILES_READ');
    const address = await addressOf(await newFile(ann.token), key);
    expect(address).toContain(`by=${ann.id}.${id}`);
    expect((await get(address.replace(`.${id}`, ''))).status).toBe(403);
  });

  it('ends with it: the address of an upload’s part, though the account may complete the upload', async () => {
    const { id, key } = await newKey('FILES_WRITE');
    const query = 'mutation ($input: CreateUploadInput!) { createUpload(input: $input) { id url method } }';
    const input = { originalName: 'sent.txt', fileSize: 4 };
    const { data } = await run<{ createUpload: { id: string; url: string } }>(query, key, { input });
    const { id: ticket = '', url = '' } = data?.createUpload ?? {};
    const put = () =>
      send(server.origin, { method: 'PUT', path: url.slice(server.origin.length), body: 'sent' });
    expect((await put()).status).toBe(204);
    await revoke(id);
    expect((await put()).status).toBe(404);
    const complete = 'mutation ($id: ID!) { completeUpload(id: $id) { fileSize } }';
    expect(codes(await run(complete, key, { id: ticket }))).toEqual(['UNAUTHENTICATED']);
    expect((await run(complete, ann.token, { id: ticket })).data).toEqual({
      completeUpload: { fileSize: 4 },
    });
  });
});
