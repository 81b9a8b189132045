import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  gql,
  multipart,
  operationParts,
  partHead,
  pause,
  UPLOAD_FILES,
  uploadHeaders,
} from '../../support/client.ts';
import { Inspector, vitalsOf } from '../../support/leftovers.ts';
import { bodyOf, masterKey, SealedServer } from '../../support/sealed-server.ts';

const SEALED = 65_552;
const CONTENT = randomBytes(700_000);
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

let site: SealedServer;
let inspector: Inspector;

beforeAll(async () => {
  site = await SealedServer.open(masterKey('first'));
  inspector = await Inspector.of(site.home);
});
afterAll(async () => {
  await inspector?.close();
  await site?.close();
});

const add = (content: Buffer) => site.add(content);
const get = (id: string, headers?: Record<string, string>) => site.get(id, headers);
const told = (id: string) => site.told(id);

/** The path of the object that holds the file’s content. */
async function pathOf(id: string): Promise<string> {
  const { files, blobs } = await inspector.holdings();
  const file = files.find(({ _id }) => String(_id) === id);
  const blob = blobs.find(({ _id }) => _id.equals(file?.blob));
  const entries = await readdir(join(site.home.dataPath, 'blobs'), { recursive: true, withFileTypes: true });
  const entry = entries.find(({ name }) => name === blob?.key);
  return join(entry?.parentPath ?? '', entry?.name ?? '');
}

/** Whether any 24 bytes of the content, taken here and there, lie in a file of the data or in one that the server has open. */
async function liesOnDisk(content: Buffer): Promise<boolean> {
  const entries = await readdir(site.home.dataPath, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  for (const name of await readdir(`/proc/${site.server.pid}/fd`)) {
    const target = await readlink(`/proc/${site.server.pid}/fd/${name}`).catch(() => '');
    // Nothing but files: a socket would have to be waited for.
    if (target.startsWith(site.home.dataPath)) paths.push(`/proc/${site.server.pid}/fd/${name}`);
  }
  let looked = 0;
  for (const path of paths) {
    const bytes = await readFile(path).catch(() => null);
    if (!bytes) continue;
    looked += 1;
    for (let at = 0; at + 24 <= content.length; at += 9_001) {
      if (bytes.includes(content.subarray(at, at + 24))) return true;
    }
  }
  expect(looked).toBeGreaterThan(0);
  return false;
}

describe('With master keys', () => {
  it('an upload is encrypted on the disk and the same for its clients: size, hash, ETag, ranges', async () => {
    const id = await add(CONTENT);
    expect(await told(id)).toEqual({
      fileSize: CONTENT.length,
      fileHash: sha256(CONTENT),
      encryption: { isEncrypted: true, algorithm: 'AES-256-GCM-STREAM', keyId: 'first' },
    });
    const whole = await get(id);
    expect(whole.status).toBe(200);
    expect(whole.headers.get('etag')).toBe(`"${sha256(CONTENT)}"`);
    expect(whole.headers.get('content-length')).toBe(`${CONTENT.length}`);
    expect((await bodyOf(whole))?.equals(CONTENT)).toBe(true);
    const part = await get(id, { range: 'bytes=65530-131080' });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 65530-131080/700000']);
    expect((await bodyOf(part))?.equals(CONTENT.subarray(65_530, 131_081))).toBe(true);
    const tail = await get(id, { range: 'bytes=-7' });
    expect((await bodyOf(tail))?.equals(CONTENT.subarray(-7))).toBe(true);
    expect(await liesOnDisk(CONTENT)).toBe(false);
  });

  it('an empty file and an equal one are what they were without', async () => {
    const empty = await get(await add(Buffer.alloc(0)));
    expect([empty.status, (await bodyOf(empty))?.length]).toEqual([200, 0]);
    const before = (await inspector.holdings()).blobs.length;
    const id = await add(CONTENT);
    expect((await inspector.holdings()).blobs).toHaveLength(before);
    expect((await bodyOf(await get(id)))?.equals(CONTENT)).toBe(true);
  });

  it('parts of a direct upload are encrypted while they wait', async () => {
    const content = randomBytes(200_000);
    const create = `mutation ($input: CreateUploadInput!) { createUpload(input: $input) { id parts { url } } }`;
    const input = { originalName: 'direct.bin', fileSize: content.length };
    const { data, text } = await gql<{
      createUpload: { id: string; parts: { url: string }[] };
    }>(site.server.origin, create, { input }, site.owner.token);
    if (!data) throw new Error(text);
    const { id, parts } = data.createUpload;
    const sent = await fetch(parts[0]?.url ?? '', { method: 'PUT', body: new Uint8Array(content) });
    expect(sent.status).toBe(204);
    expect(await liesOnDisk(content)).toBe(false);
    const complete = `mutation ($id: ID!) { completeUpload(id: $id) { id } }`;
    expect((await gql(site.server.origin, complete, { id }, site.owner.token)).errors).toEqual([]);
    expect(await liesOnDisk(content)).toBe(false);
    expect((await bodyOf(await get(id)))?.equals(content)).toBe(true);
  });

  it('parts that must wait on the disk are encrypted there, and so is an upload under way', async () => {
    const [waiting, wanted] = [randomBytes(600_000), randomBytes(600_000)];
    const variables = { files: [null, null] };
    const map = { late: ['variables.files.0'], early: ['variables.files.1'] };
    const fields = multipart(operationParts(UPLOAD_FILES, variables, map));
    const head = fields.subarray(0, fields.lastIndexOf('--boundary'));
    const body = Buffer.concat([
      head,
      partHead({ name: 'early', filename: 'b.bin' }),
      waiting,
      Buffer.from('\r\n'),
      partHead({ name: 'late', filename: 'a.bin' }),
      wanted,
    ]);
    const { hostname, port } = new URL(site.server.origin);
    const socket = connect(Number(port), hostname);
    const headers = {
      ...uploadHeaders(site.owner.token),
      host: 'x',
      'content-length': `${body.length + 10_000}`,
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    socket.write(`POST /graphql HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    socket.write(body);
    await pause(700);
    expect((await vitalsOf(site.server.pid)).spilling).toBe(1);
    expect(await liesOnDisk(waiting)).toBe(false);
    expect(await liesOnDisk(wanted)).toBe(false);
    await new Promise((resolve) => socket.destroy().once('close', resolve));
    expect(await inspector.settled()).toEqual([]);
  });
});

describe('A file that was changed on the disk', () => {
  const flip = (bytes: Buffer, at: number) => Buffer.from(bytes).fill((bytes[at] ?? 0) ^ 1, at, at + 1);
  const cases: [string, (bytes: Buffer) => Buffer][] = [
    ['flipped', (bytes) => flip(bytes, 1_000)],
    ['cut', (bytes) => bytes.subarray(0, -1)],
    ['cut between segments', (bytes) => bytes.subarray(0, 3 * SEALED)],
    ['continued', (bytes) => Buffer.concat([bytes, bytes.subarray(0, SEALED)])],
    [
      'with two segments exchanged',
      (bytes) =>
        Buffer.concat([
          bytes.subarray(SEALED, 2 * SEALED),
          bytes.subarray(0, SEALED),
          bytes.subarray(2 * SEALED),
        ]),
    ],
  ];
  it.each(cases)('%s, is answered with 503 and none of its bytes', async (_what, tamper) => {
    const content = randomBytes(300_000);
    const id = await add(content);
    const path = await pathOf(id);
    await writeFile(path, tamper(await readFile(path)));
    const answer = await get(id);
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain('STORAGE_UNAVAILABLE');
  });

  it('far behind its beginning, ends the answer before that, and is never garbage', async () => {
    const content = randomBytes(8_000_000);
    const id = await add(content);
    const path = await pathOf(id);
    await writeFile(path, flip(await readFile(path), 100 * SEALED + 5));
    const answer = await get(id);
    expect(answer.status).toBe(200);
    const chunks: Uint8Array[] = [];
    const reading = (async () => {
      for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk);
    })();
    await expect(reading).rejects.toThrow();
    const bytes = Buffer.concat(chunks);
    expect(bytes.length).toBeLessThanOrEqual(100 * 65_536);
    expect(bytes.equals(content.subarray(0, bytes.length))).toBe(true);
  });

  it('exchanged with another of the same size, is not served for it', async () => {
    const ids = [await add(randomBytes(100_000)), await add(randomBytes(100_000))];
    const paths = await Promise.all(ids.map(pathOf));
    const [one, other] = await Promise.all(paths.map((path) => readFile(path)));
    await writeFile(paths[0] as string, other as Buffer);
    await writeFile(paths[1] as string, one as Buffer);
    for (const id of ids) expect((await get(id)).status).toBe(503);
  });
});
