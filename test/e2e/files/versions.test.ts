import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type Account,
  gql,
  multipart,
  operationParts,
  register,
  sendParts,
  upload,
  uploadHeaders,
} from '../../support/client.ts';
import { Inspector } from '../../support/leftovers.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { bodyOf, masterKey } from '../../support/sealed-server.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const UPLOAD_VERSION = `mutation ($id: ID!, $file: Upload!, $input: UploadVersionInput) {
  uploadVersion(fileId: $id, file: $file, input: $input) { id fileSize fileHash mimeType }
}`;
const VERSIONS = `query ($id: ID!) {
  file(id: $id) { fileSize versions { id fileSize fileHash createdAt uploadedBy { username } downloadUrl } }
  storageStats { totalBytes versionBytes storedBytes }
}`;
const FIRST = randomBytes(200_000);
const SECOND = Buffer.from('the second content');

interface Version {
  id: string;
  fileSize: number;
  fileHash: string;
  uploadedBy: { username: string };
  downloadUrl: string;
}
interface Told {
  file: { fileSize: number; versions: Version[] };
  storageStats: { totalBytes: number; versionBytes: number; storedBytes: number };
}

let server: RunningServer;
let inspector: Inspector;
let ann: Account;

beforeAll(async () => {
  // Encrypted, as contents are where anything is: versions are read the same way.
  server = await startServer({ ENCRYPTION_KEYS: masterKey('first') });
  inspector = await Inspector.of(server);
  ann = await register(server.origin);
});
afterAll(async () => {
  await inspector?.close();
  await server?.stop();
});

const add = async (content: Buffer) =>
  (await upload(server.origin, ann.token, { content })).data?.uploadFile.id ?? '';

const partsOver = (id: string, content: Buffer, input: object | null = null) => [
  ...operationParts(UPLOAD_VERSION, { id, file: null, input }, { 0: ['variables.file'] }),
  { name: '0', filename: 'new.txt', content },
];
const over = (id: string, content: Buffer, { token } = ann, input: object | null = null) =>
  sendParts<{ uploadVersion: { id: string; fileSize: number } }>(
    server.origin,
    token,
    partsOver(id, content, input),
  );

async function told(id: string, { token } = ann): Promise<Told> {
  const { data, text } = await gql<Told>(server.origin, VERSIONS, { id }, token);
  if (!data) throw new Error(text);
  return data;
}

const change = (field: string, fileId: string, versionId: string, { token } = ann) =>
  gql<Record<string, { fileSize: number }>>(
    server.origin,
    `mutation ($fileId: ID!, $versionId: ID!) { ${field}(fileId: $fileId, versionId: $versionId) { fileSize } }`,
    { fileId, versionId },
    token,
  );

it('keeps what a file had before, to be fetched, gone back to and removed', async () => {
  const id = await add(FIRST);
  const before = await fetch(`${server.origin}/files/${id}/content`, {
    method: 'HEAD',
    headers: { authorization: `Bearer ${ann.token}` },
  });
  expect((await over(id, SECOND)).data?.uploadVersion).toMatchObject({ id, fileSize: SECOND.length });
  const { file, storageStats } = await told(id);
  expect(storageStats).toEqual({
    ...{ totalBytes: SECOND.length, versionBytes: FIRST.length, storedBytes: SECOND.length + FIRST.length },
  });
  const [version] = file.versions as [Version];
  expect(version.uploadedBy.username).toBe(ann.username);
  const fetched = await fetch(version.downloadUrl);
  expect(fetched.headers.get('etag')).toBe(before.headers.get('etag'));
  expect((await bodyOf(fetched))?.equals(FIRST)).toBe(true);
  const range = await fetch(version.downloadUrl, { headers: { range: 'bytes=70000-70009' } });
  expect((await bodyOf(range))?.equals(FIRST.subarray(70_000, 70_010))).toBe(true);

  expect((await change('restoreVersion', id, version.id)).data?.restoreVersion?.fileSize).toBe(FIRST.length);
  const now = await told(id);
  expect(now.file.versions.map(({ fileSize }) => fileSize)).toEqual([SECOND.length]);
  const [second] = now.file.versions as [Version];
  expect((await change('deleteVersion', id, second.id)).data?.deleteVersion?.fileSize).toBe(FIRST.length);
  expect((await fetch(second.downloadUrl)).status).toBe(404);
  expect((await told(id)).file.versions).toEqual([]);
  expect(await inspector.settled()).toEqual([]);
});

it('signs the address of a version for that version and that file alone', async () => {
  const [id, other] = [await add(Buffer.from('mine')), await add(Buffer.from('other'))];
  await over(id, SECOND);
  await over(id, Buffer.from('third'));
  const [newest, oldest] = (await told(id)).file.versions as [Version, Version];
  const status = async (alter: (url: URL) => void, base = newest.downloadUrl) => {
    const url = new URL(base);
    alter(url);
    return (await fetch(url)).status;
  };
  expect(await status(() => undefined)).toBe(200);
  expect(await status(({ searchParams }) => searchParams.set('version', oldest.id))).toBe(403);
  expect(await status(({ searchParams }) => searchParams.delete('version'))).toBe(403);
  expect(await status(({ searchParams }) => searchParams.append('version', oldest.id))).toBe(403);
  const elsewhere = (url: URL) => {
    url.pathname = url.pathname.replace(id, other);
  };
  expect(await status(elsewhere)).toBe(403);
  const direct = (path: string, { token } = ann) =>
    fetch(`${server.origin}/files/${path}`, { headers: { authorization: `Bearer ${token}` } });
  expect((await direct(`${id}/content?version=${oldest.id}`)).status).toBe(200);
  for (const path of [
    `${other}/content?version=${oldest.id}`,
    `${id}/content?version=${other}`,
    `${id}/content?version[$ne]=x&version=`,
    `${id}@${oldest.id}/content`,
  ]) {
    expect((await direct(path)).status, path).toBe(404);
  }
});

it('shows earlier contents of a public file to nobody who may not change it', async () => {
  const bob = await register(server.origin);
  const id = await add(Buffer.from('not for everybody'));
  await over(id, Buffer.from('for everybody'));
  const [version] = (await told(id)).file.versions as [Version];
  const publish = `mutation ($id: ID!) { updateFile(id: $id, input: { isPublic: true }) { id } }`;
  await gql(server.origin, publish, { id }, ann.token);
  expect((await told(id, bob)).file).toEqual({ fileSize: 13, versions: [] });
  const path = `${server.origin}/files/${id}/content?version=${version.id}`;
  expect((await fetch(path)).status).toBe(404);
  expect((await fetch(path, { headers: { authorization: `Bearer ${bob.token}` } })).status).toBe(404);
  expect((await over(id, SECOND, bob)).errors?.[0]?.extensions.code).not.toBeUndefined();
  for (const field of ['restoreVersion', 'deleteVersion']) {
    expect((await change(field, id, version.id, bob)).data).toBeFalsy();
  }
  expect((await told(id)).file.versions).toHaveLength(1);
  const cached = (await fetch(version.downloadUrl)).headers.get('cache-control');
  expect(cached).toContain('private');
});

it('leaves a file as it was, and nothing else, when a client goes away half-way or a rule is broken', async () => {
  const id = await add(FIRST);
  const body = multipart(partsOver(id, randomBytes(3_000_000)));
  const connection = await RawConnection.open(server.origin);
  connection.begin({ ...uploadHeaders(ann.token), 'content-length': String(body.length) });
  connection.socket.write(body.subarray(0, 1_000_000));
  while ((await inspector.holdings()).unfinished === 0) await new Promise((done) => setTimeout(done, 10));
  connection.socket.destroy();
  const refused = await over(id, SECOND, ann, { sha256: '0'.repeat(64) });
  expect(refused.errors?.[0]?.extensions.code).toBe('HASH_MISMATCH');
  expect(await inspector.settled()).toEqual([]);
  expect((await told(id)).file).toEqual({ fileSize: FIRST.length, versions: [] });
});

it('copies a file without copying a byte, under a name that is free', async () => {
  const id = await add(Buffer.from('copied'));
  const copy = `mutation ($id: ID!, $name: String, $onCollision: NameCollision!) {
    copyFile(id: $id, name: $name, onCollision: $onCollision) { id originalName fileHash downloadUrl }
  }`;
  const ask = (variables: object) =>
    gql<{ copyFile: { id: string; originalName: string; downloadUrl: string } }>(
      server.origin,
      copy,
      { id, onCollision: 'RENAME', ...variables },
      ann.token,
    );
  const { blobs } = await inspector.holdings();
  const made = (await ask({ name: 'copied one.txt' })).data?.copyFile;
  const again = (await ask({ name: 'Copied One.txt' })).data?.copyFile;
  expect([made?.originalName, again?.originalName]).toEqual(['copied one.txt', 'Copied One (2).txt']);
  expect((await bodyOf(await fetch(made?.downloadUrl ?? '')))?.toString()).toBe('copied');
  expect((await inspector.holdings()).blobs).toHaveLength(blobs.length);
  const taken = await ask({ name: 'copied one.txt', onCollision: 'FAIL' });
  expect(taken.errors?.[0]?.extensions.code).toBe('CONFLICT');
  expect((await ask({ name: '../x' })).errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
  expect(await inspector.settled()).toEqual([]);
});
