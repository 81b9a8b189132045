import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Entry, fromBuffer } from 'yauzl';
import { type Account, gql, register, upload } from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

let server: RunningServer;
let owner: Account;
let other: Account;
let folder: string;
const ids: string[] = [];

beforeAll(async () => {
  server = await startServer();
  [owner, other] = await Promise.all([register(server.origin), register(server.origin)]);
  folder = await made('Trip: 2026', null);
  const inner = await made('aux', folder);
  await made('nothing', folder);
  ids.push(await stored('a.txt', 'first', {}));
  ids.push(await stored('A.txt', 'second', {}));
  ids.push(await stored('ä 日本.txt', 'third', { folderId: folder }));
  ids.push(await stored('CON', 'fourth', { folderId: inner }));
});
afterAll(() => server.stop());

async function run<T>(query: string, variables: object, { token } = owner): Promise<T> {
  const answer = await gql<T>(server.origin, query, variables, token);
  if (!answer.data || answer.errors.length > 0) throw new Error(answer.text);
  return answer.data;
}

async function made(name: string, parentId: string | null): Promise<string> {
  const query = 'mutation ($input: CreateFolderInput!) { createFolder(input: $input) { id } }';
  return (await run<{ createFolder: { id: string } }>(query, { input: { name, parentId } })).createFolder.id;
}

async function stored(filename: string, content: string | Buffer, input: object): Promise<string> {
  const answer = await upload(server.origin, owner.token, { content, filename }, input);
  if (!answer.data) throw new Error(answer.text);
  return answer.data.uploadFile.id;
}

const asked = (query: string, init: RequestInit = {}, token: string | null = owner.token) =>
  fetch(`${server.origin}/archive${query}`, {
    ...init,
    headers: { ...(token && { authorization: `Bearer ${token}` }), ...init.headers },
  });

function entriesOf(zipped: Buffer): Promise<Record<string, string>> {
  return new Promise((resolve, reject) => {
    const found: Record<string, string> = {};
    fromBuffer(zipped, { lazyEntries: true }, (error, zip) => {
      if (error) return reject(error);
      zip.on('end', () => resolve(found)).on('error', reject);
      zip.on('entry', (entry: Entry) =>
        zip.openReadStream(entry, async (failure, stream) => {
          if (failure) return reject(failure);
          found[entry.fileName] = String(await buffer(stream));
          zip.readEntry();
        }),
      );
      zip.readEntry();
    });
  });
}

it('sends files and folders as a ZIP of exactly the length it tells, under names that every system takes', async () => {
  const answer = await asked(`?folder=${folder}`);
  const zipped = Buffer.from(await answer.arrayBuffer());
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/zip']);
  expect(answer.headers.get('content-disposition')).toMatch(/^attachment; filename="?Trip/);
  expect(Number(answer.headers.get('content-length'))).toBe(zipped.length);
  expect(await entriesOf(zipped)).toEqual({
    'Trip_ 2026/ä 日本.txt': 'third',
    'Trip_ 2026/_aux/_CON': 'fourth',
    'Trip_ 2026/nothing/': '',
  });
  const head = await asked(`?folder=${folder}`, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, String(zipped.length)]);
  const place = await mkdtemp(join(tmpdir(), 'imaginary-storage-zip-'));
  await writeFile(join(place, 'a.zip'), zipped);
  const tested = await promisify(execFile)('unzip', ['-t', join(place, 'a.zip')]).finally(() =>
    rm(place, { recursive: true }),
  );
  expect(tested.stdout).toContain('No errors detected');
});

it('takes ids by the address, as JSON and as a form, numbers equal names, and counts each download', async () => {
  const [first = '', second = ''] = ids;
  const named = { 'a.txt': 'first', 'A (2).txt': 'second' };
  const json = { method: 'POST', headers: { 'content-type': 'application/json' } };
  const answers = [
    await asked(`?ids=${first},${second}`),
    await asked('', { ...json, body: JSON.stringify({ ids: [first, second] }) }),
    await asked('', { method: 'POST', body: new URLSearchParams({ ids: `${first},${second}` }) }),
  ];
  for (const answer of answers) {
    expect(await entriesOf(Buffer.from(await answer.arrayBuffer()))).toEqual(named);
  }
  const { file } = await run<{ file: { downloadCount: number } }>(
    'query ($id: ID!) { file(id: $id) { downloadCount } }',
    { id: first },
  );
  expect(file.downloadCount).toBe(3);
});

it('is refused as a whole, before a byte, where one content may not be had', async () => {
  const [first = '', second = ''] = ids;
  const gone = await stored('gone.txt', 'x', {});
  await run('mutation ($id: ID!) { deleteFile(id: $id) { id } }', { id: gone });
  const statuses = await Promise.all([
    asked(`?ids=${first},${gone}`).then(({ status }) => status),
    asked(`?ids=${first},${second}`, {}, other.token).then(({ status }) => status),
    asked(`?folder=${folder}`, {}, other.token).then(({ status }) => status),
    asked(`?ids=${first}`, {}, null).then(({ status }) => status),
    asked(`?ids=${first}`, {}, 'nonsense').then(({ status }) => status),
    asked(`?ids=${first},${first}`).then(({ status }) => status),
    asked(`?ids=${first}&folder=${folder}`).then(({ status }) => status),
    asked('').then(({ status }) => status),
  ]);
  expect(statuses).toEqual([404, 404, 404, 404, 401, 400, 400, 400]);
});

it('is sent by a signed address to whoever has it, and by no other', async () => {
  const query = 'query ($ids: [ID!], $folder: ID) { archiveUrl(fileIds: $ids, folderId: $folder) }';
  const [first = '', second = ''] = ids;
  const { archiveUrl } = await run<{ archiveUrl: string }>(query, { ids: [first, second] });
  const answer = await fetch(archiveUrl);
  expect(Object.keys(await entriesOf(Buffer.from(await answer.arrayBuffer())))).toHaveLength(2);
  const forged = [archiveUrl.replace(`,${second}`, ''), archiveUrl.replace(/expires=\d/, 'expires=9')];
  for (const url of forged) expect((await fetch(url)).status).toBe(403);
  const ofFolder = await run<{ archiveUrl: string }>(query, { folder });
  expect((await fetch(ofFolder.archiveUrl)).status).toBe(200);
});

it('breaks off, and never ends early, when a file goes while it is sent', async () => {
  const large = Buffer.alloc(24 * 2 ** 20, 1);
  const [one, two] = [await stored('1.bin', large, {}), await stored('2.bin', 'second', {})];
  const headers = { authorization: `Bearer ${owner.token}` };
  const ended = await new Promise<string>((resolve, reject) => {
    get(`${server.origin}/archive?ids=${one},${two}`, { headers }, async (answer) => {
      answer.once('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? error.message));
      answer.once('end', () => resolve('a good end'));
      // Nothing is read yet, so the first file is still on its way.
      await run('mutation ($id: ID!) { purgeFile(id: $id) }', { id: two }).catch(reject);
      answer.resume();
    }).once('error', reject);
  });
  expect(ended).toBe('ECONNRESET');
});

it('trashes and tags many files at once, and tells which it was refused for', async () => {
  const mine = [
    await stored('x', '1', { tags: ['old', '$userId'] }),
    await stored('y', '2', { tags: ['old'] }),
  ];
  const nobody = 'f'.repeat(24);
  const tag = `mutation ($ids: [ID!]!, $add: [String!], $remove: [String!]) {
    tagFiles(ids: $ids, add: $add, remove: $remove) { succeeded failed { id code } } }`;
  const tagged = await run(tag, { ids: [...mine, nobody], add: ['new', '$fileSize'], remove: ['old'] });
  expect(tagged).toEqual({
    tagFiles: { succeeded: mine, failed: [{ id: nobody, code: 'NOT_FOUND' }] },
  });
  const tagsOf = 'query ($id: ID!) { file(id: $id) { tags } }';
  expect(await run(tagsOf, { id: mine[0] })).toEqual({ file: { tags: ['$userId', 'new', '$fileSize'] } });
  const many = Array.from({ length: 18 }, (_, i) => `t${i}`);
  expect(await run(tag, { ids: mine, add: many })).toEqual({
    tagFiles: { succeeded: [mine[1]], failed: [{ id: mine[0], code: 'BAD_USER_INPUT' }] },
  });
  const trash = 'mutation ($ids: [ID!]!) { deleteFiles(ids: $ids) { succeeded failed { id code } } }';
  expect(await run(trash, { ids: mine }, other)).toEqual({
    deleteFiles: { succeeded: [], failed: mine.map((id) => ({ id, code: 'NOT_FOUND' })) },
  });
  expect(await run(trash, { ids: mine })).toEqual({ deleteFiles: { succeeded: mine, failed: [] } });
  expect(await run('{ files(filter: { isDeleted: true, tags: ["new"] }) { totalCount } }', {})).toEqual({
    files: { totalCount: 2 },
  });
  const twice = await gql(server.origin, trash, { ids: [mine[0], mine[0]] }, owner.token);
  expect(twice.errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
});
