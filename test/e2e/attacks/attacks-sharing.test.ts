import mongoose from 'mongoose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Account, BOUNDARY, multipart, partHead, register, upload } from '../../support/client.ts';
import { LinkClient } from '../../support/link-client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const GRANT = `mutation ($folderId: ID!, $userId: ID!, $permission: Permission!) {
  grantAccess(input: { folderId: $folderId, userId: $userId, permission: $permission }) { isInForce } }`;
const REVOKE =
  'mutation ($folderId: ID!, $userId: ID!) { revokeAccess(input: { folderId: $folderId, userId: $userId }) }';
const SHARE =
  'mutation ($fileId: ID!, $folderId: ID!) { shareFile(fileId: $fileId) { id } shareFolder(folderId: $folderId) { id } }';
const SHARES = `{ shares { nodes { file { originalName } folder { name folders { nodes { name } } } } } }`;
const UPDATE =
  'mutation ($id: ID!, $input: UpdateFileInput!) { updateFile(id: $id, input: $input) { isPublic } }';
const CODE = (error: Error) => error.message;

let server: RunningServer;
let owner: LinkClient;
let bob: Account;
let folder: string;
let file: string;

beforeAll(async () => {
  server = await startServer({ MAX_FILES_PER_REQUEST: '2' });
  [owner, bob] = await Promise.all([LinkClient.of(server.origin), register(server.origin)]);
  folder = await owner.folder('Shared');
  await owner.folder('Below', folder);
  file = await owner.stored(Buffer.from('shared'), 'shared.txt', folder);
});
afterAll(() => server.stop());

const give = (permission: string) => owner.ask(GRANT, { folderId: folder, userId: bob.id, permission });
const asBob = <T>(query: string, variables: object = {}) => owner.ask<T>(query, variables, bob.token);

it('shows nothing of a file or a folder to whoever made links to it by a permission that was taken back', async () => {
  await give('MANAGE');
  await asBob(SHARE, { fileId: file, folderId: folder });
  await owner.ask(REVOKE, { folderId: folder, userId: bob.id });
  const { shares } = await asBob<{ shares: { nodes: object[] } }>(SHARES);
  expect(shares.nodes).toEqual([
    { file: null, folder: null },
    { file: null, folder: null },
  ]);
});

it('lets who may edit a folder put nothing public into it', async () => {
  await give('EDIT');
  const input = { folderId: folder, isPublic: true };
  const sent = await upload(server.origin, bob.token, { content: 'x', filename: 'x.txt' }, input);
  expect(sent.errors[0]?.extensions.code).toBe('FORBIDDEN');
  const announce = 'mutation ($input: CreateUploadInput!) { createUpload(input: $input) { id } }';
  const announced = asBob(announce, { input: { ...input, originalName: 'x.txt', fileSize: 1 } });
  expect(await announced.catch(CODE)).toBe('FORBIDDEN');
});

it.each(['canDelete', 'canView'])(
  'keeps a folder from its editors’ trash where %s is locked in it',
  async (lock) => {
    await give('EDIT');
    const below = await owner.folder(`Locked by ${lock}`, await owner.folder(`Above ${lock}`, folder));
    const locked = await owner.stored(Buffer.from(lock), 'locked.txt', below);
    await owner.ask(UPDATE, { id: locked, input: { access: { [lock]: false } } });
    const remove = 'mutation ($id: ID!) { deleteFolder(id: $id) { isDeleted } }';
    expect(await asBob(remove, { id: below }).catch(CODE)).toBe('FORBIDDEN');
    expect(await owner.ask(remove, { id: below })).toEqual({ deleteFolder: { isDeleted: true } });
  },
);

it('tells once that a form brings more files than it may, however many follow', async () => {
  const query =
    'mutation ($id: ID!) { requestUploads(folderId: $id, input: { allowedTypes: ["image/png"] }) { url } }';
  const { requestUploads } = await owner.ask<{ requestUploads: { url: string } }>(query, { id: folder });
  const form = new FormData();
  for (let i = 0; i < 500; i += 1) form.append('files', new Blob(['x'], { type: 'text/plain' }), `${i}.txt`);
  const headers = { accept: 'application/json' };
  const answer = await fetch(requestUploads.url, { method: 'POST', body: form, headers });
  expect(((await answer.json()) as { refused: object[] }).refused).toHaveLength(3);
  const parts = Array.from({ length: 2_000 }, () => partHead({ name: 'files', filename: '' }));
  const last = multipart([{ name: 'files', filename: 'last.png', content: 'x' }]);
  const type = `multipart/form-data; boundary=${BOUNDARY}`;
  const body = Buffer.concat([...parts.flatMap((head) => [head, Buffer.from('\r\n')]), last]);
  const nameless = await fetch(requestUploads.url, {
    ...{ method: 'POST', body },
    headers: { ...headers, 'content-type': type },
  });
  expect(await nameless.json()).toEqual({ received: [], refused: [] });
});

it('counts each look at a file by a link, whatever the address says of folders and pages', async () => {
  const link = await owner.share(file);
  for (const query of ['', '?after=x', '?folder=x']) await fetch(`${link.url}${query}`);
  expect((await owner.now(link.id)).opens).toBe(3);
});

it('ends a link with its last download also for whoever calls itself a program that looks ahead', async () => {
  const link = await owner.share(file, { maxDownloads: 1 });
  await (await fetch(`${link.url}/content`)).arrayBuffer();
  const headers = { 'user-agent': 'Slackbot' };
  for (const init of [{ headers }, { headers, method: 'HEAD' }])
    expect((await fetch(link.url, init)).status).toBe(410);
  expect((await fetch(`${link.url}/thumbnail/128`, { headers })).status).toBe(410);
});

it('closes links and upload requests below a folder that goes into the trash before that is written on all of it', async () => {
  const top = await owner.folder('Top');
  const below = await owner.folder('Middle', top);
  const inside = await owner.stored(Buffer.from('inside'), 'inside.txt', below);
  const query = 'mutation ($id: ID!) { requestUploads(folderId: $id) { url } }';
  const [one, all, request] = await Promise.all([
    owner.share(inside),
    owner.shareFolder(below),
    owner.ask<{ requestUploads: { url: string } }>(query, { id: below }),
  ]);
  const addresses = [
    `${one.url}/content`,
    all.url,
    `${all.url}/content?file=${inside}`,
    request.requestUploads.url,
  ];
  const statuses = async () => {
    const answers = await Promise.all(addresses.map((address) => fetch(address)));
    return answers.map(({ status }) => status);
  };
  expect(await statuses()).toEqual([200, 200, 200, 200]);
  const database = await mongoose.createConnection(server.env.MONGODB_URI ?? '').asPromise();
  const _id = new mongoose.Types.ObjectId(top);
  await database.collection('folders').updateOne({ _id }, { $set: { isDeleted: true } });
  await database.close();
  expect(await statuses()).toEqual([410, 410, 410, 410]);
});
