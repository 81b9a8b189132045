import { randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Account, gql, pause, register } from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

interface Made {
  readonly id: string;
  readonly url: string;
  readonly token: string;
}
interface Told {
  readonly received: { name: string; size: number }[];
  readonly refused: { name: string; code: string }[];
}

let server: RunningServer;
let owner: Account;
let folder: string;

beforeAll(async () => {
  server = await startServer({ LOG_LEVEL: 'info', MAX_UPLOADS_PER_USER: '60', MAX_UPLOADS: '100' });
  owner = await register(server.origin);
  const query = 'mutation ($input: CreateFolderInput!) { createFolder(input: $input) { id } }';
  folder = (await run<{ createFolder: { id: string } }>(query, { input: { name: 'Inbox' } })).createFolder.id;
});
afterAll(() => server.stop());

async function run<T>(query: string, variables: object = {}, who = owner): Promise<T> {
  const answer = await gql<T>(server.origin, query, variables, who.token);
  if (!answer.data || answer.errors.length > 0) throw new Error(answer.text);
  return answer.data;
}

const MAKE = `mutation ($folder: ID!, $input: UploadRequestInput) {
  requestUploads(folderId: $folder, input: $input) { id url token } }`;

async function made(input: object = {}): Promise<Made> {
  return (await run<{ requestUploads: Made }>(MAKE, { folder, input })).requestUploads;
}

async function drop(
  url: string,
  files: [name: string, content: string, type?: string][],
  fields: object = {},
) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  for (const [name, content, type = 'text/plain'] of files)
    form.append('files', new Blob([content], { type }), name);
  const answer = await fetch(url, { method: 'POST', body: form, headers: { accept: 'application/json' } });
  return { status: answer.status, told: (await answer.json()) as Told };
}

async function listed(who = owner): Promise<{ names: string[]; usedBytes: number }> {
  const { files, me } = await run<{
    files: { nodes: { originalName: string }[] };
    me: { usage: { usedBytes: number } };
  }>(
    'query ($folder: ID) { files(filter: { folderId: $folder }, first: 100) { nodes { originalName } } me { usage { usedBytes } } }',
    { folder: who === owner ? folder : null },
    who,
  );
  return { names: files.nodes.map(({ originalName }) => originalName), usedBytes: me.usage.usedBytes };
}

it('takes files of somebody without an account into the folder, and shows nothing of it', async () => {
  const { url, token, id } = await made({ note: 'Photos of <b>Sunday</b>', maxFiles: 5 });
  const page = await fetch(url);
  const html = await page.text();
  expect([page.status, page.headers.get('referrer-policy')]).toEqual([200, 'no-referrer']);
  expect(html).toContain('Photos of &lt;b&gt;Sunday&lt;/b&gt;');
  expect(html).not.toContain('<script');
  const { status, told } = await drop(url, [
    ['a.txt', 'hello'],
    ['../b.txt', ''],
  ]);
  expect([status, told]).toEqual([
    200,
    {
      received: [
        { name: 'a.txt', size: 5 },
        { name: 'b.txt', size: 0 },
      ],
      refused: [],
    },
  ]);
  expect((await listed()).names.toSorted()).toEqual(['a.txt', 'b.txt']);
  expect(await (await fetch(url)).text()).not.toContain('a.txt');
  const { uploadRequests } = await run<{ uploadRequests: { nodes: object[] } }>(
    'query ($folder: ID) { uploadRequests(folderId: $folder) { nodes { id files url token createdBy { username } } } }',
    { folder },
  );
  expect(uploadRequests.nodes).toEqual([
    { id, files: 2, url: null, token: null, createdBy: { username: owner.username } },
  ]);
  expect(server.log()).toContain('/u/[token]');
  expect(server.log()).not.toContain(token);
});

it('streams a large file beside small ones, whole and in bounded pieces', async () => {
  const { url } = await made();
  const large = 'large'.repeat(1_000_000);
  const small = Array.from({ length: 8 }, (_, i): [string, string] => [`s${i}.txt`, `${i}`]);
  const { told } = await drop(url, [...small, ['large.txt', large], ['last.txt', 'x']]);
  expect(told.refused).toEqual([]);
  expect(told.received.map(({ size }) => size)).toEqual([...small.map(() => 1), large.length, 1]);
});

it('holds its bounds on size and type for each file, and goes on with the others', async () => {
  const { url } = await made({ maxFileSize: 10, allowedTypes: ['text/*'] });
  const { status, told } = await drop(url, [
    ['long.txt', 'x'.repeat(200_000)],
    ['page.pdf', '%PDF-1.7\n', 'application/pdf'],
    ['good.txt', '0123456789'],
  ]);
  expect(status).toBe(200);
  expect(told.received).toEqual([{ name: 'good.txt', size: 10 }]);
  expect(told.refused.map(({ name, code }) => [name, code])).toEqual([
    ['long.txt', 'PAYLOAD_TOO_LARGE'],
    ['page.pdf', 'UNSUPPORTED_MEDIA_TYPE'],
  ]);
  const html = await fetch(url, { method: 'POST', body: formOf('large.txt', 'x'.repeat(20)) });
  expect([html.status, html.headers.get('content-type')]).toEqual([413, 'text/html; charset=utf-8']);
  expect(await html.text()).toContain('large.txt');
});

function formOf(name: string, content: string): FormData {
  const form = new FormData();
  form.append('files', new Blob([content]), name);
  return form;
}

it('takes exactly as many files as it may, however many come at once', async () => {
  const { url } = await made({ maxFiles: 7 });
  const tries = Array.from({ length: 50 }, (_, i) => drop(url, [[`many-${i}.txt`, `content ${i}`]]));
  const statuses = (await Promise.all(tries)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(7);
  expect(statuses.filter((status) => status === 410)).toHaveLength(43);
  expect((await listed()).names.filter((name) => name.startsWith('many-'))).toHaveLength(7);
});

it('asks for its password, by the form of the page or with the files, and refuses every other', async () => {
  const { url } = await made({ password: 'open sesame' });
  const locked = await (await fetch(url)).text();
  expect(locked).not.toContain('Inbox');
  const typed = (password: string) => fetch(url, { method: 'POST', body: new URLSearchParams({ password }) });
  expect((await typed('wrong one')).status).toBe(403);
  const open = await typed('open sesame');
  const proof = /name="proof" value="([^"]+)"/.exec(await open.text())?.[1] ?? '';
  const tries = [{}, { proof: `${proof}x` }, { password: 'wrong' }, { proof }, { password: 'open sesame' }];
  const statuses: number[] = [];
  for (const fields of tries) statuses.push((await drop(url, [['p.txt', 'x']], fields)).status);
  expect(statuses).toEqual([401, 401, 403, 200, 200]);
});

it('leaves nothing of a file whose sender goes, and gives its place back', async () => {
  const { url } = await made({ maxFiles: 1 });
  const before = await listed();
  await begun(url).then((sending) => sending.destroy());
  for (let i = 0; i < 50 && (await listed()).usedBytes !== before.usedBytes; i += 1) await pause(50);
  expect(await listed()).toEqual(before);
  let status = 410;
  for (let i = 0; i < 50 && status === 410; i += 1) {
    ({ status } = await drop(url, [['then.txt', 'x']]));
    if (status === 410) await pause(50);
  }
  expect(status).toBe(200);
});

it('ends what is on its way when it is taken back, and answers 410 from then on', async () => {
  const { url, id } = await made();
  const before = await listed();
  const sending = await begun(url);
  const answered = new Promise<number>((resolve) => {
    sending.once('response', (answer) => resolve(answer.statusCode ?? 0)).once('error', () => resolve(0));
  });
  const revoke = 'mutation ($id: ID!) { revokeUploadRequest(id: $id) { revokedAt } }';
  await run(revoke, { id });
  expect(await answered).toBe(410);
  sending.destroy();
  expect(await listed()).toEqual(before);
  expect((await fetch(url)).status).toBe(410);
  expect((await drop(url, [['late.txt', 'x']])).status).toBe(410);
  expect((await fetch(`${server.origin}/u/${randomBytes(32).toString('base64url')}`)).status).toBe(404);
});

it('ends what is on its way when the account of the folder’s owner ends, and answers 410 from then on', async () => {
  const other = await register(server.origin);
  const make = 'mutation { createFolder(input: { name: "Inbox" }) { id } }';
  const { id } = (await run<{ createFolder: { id: string } }>(make, {}, other)).createFolder;
  const { url } = (await run<{ requestUploads: Made }>(MAKE, { folder: id }, other)).requestUploads;
  const sending = await begun(url, other);
  const answered = new Promise<number>((resolve) => {
    sending.once('response', (answer) => resolve(answer.statusCode ?? 0)).once('error', () => resolve(0));
  });
  await run('mutation ($password: String!) { deleteAccount(password: $password) }', other, other);
  expect(await answered).toBe(410);
  sending.destroy();
  expect((await drop(url, [['late.txt', 'x']])).status).toBeGreaterThanOrEqual(404);
});

/** A form whose file is on its way and does not end. */
async function begun(url: string, who = owner) {
  const headers = { 'content-type': 'multipart/form-data; boundary=b', accept: 'application/json' };
  const sending = httpRequest(url, { method: 'POST', headers });
  sending.on('error', () => undefined);
  sending.write('--b\r\ncontent-disposition: form-data; name="files"; filename="slow.bin"\r\n\r\n');
  sending.write(Buffer.alloc(1_000_000, 1));
  const { usedBytes } = await listed(who);
  // Its bytes are reserved as they come.
  for (let i = 0; i < 100 && (await listed(who)).usedBytes === usedBytes; i += 1) await pause(20);
  expect((await listed(who)).usedBytes).toBeGreaterThan(usedBytes);
  return sending;
}
