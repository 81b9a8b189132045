import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Account,
  type FileAnswer,
  gql,
  operationParts,
  register,
  send,
  sendParts,
  UPLOAD_FILE,
  upload,
} from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const FIELDS = operationParts(UPLOAD_FILE, { file: null }, { 0: ['variables.file'] });
const SECRET = 'what lies beside the uploads';

let server: RunningServer;
let ann: Account;

beforeAll(async () => {
  server = await startServer();
  ann = await register(server.origin);
});
afterAll(() => server.stop());

const rename = (id: string, originalName: string) =>
  gql(
    server.origin,
    'mutation ($id: ID!, $n: String) { updateFile(id: $id, input: { originalName: $n }) { originalName } }',
    { id, n: originalName },
    ann.token,
  );

describe('A name', () => {
  const EMOJI = '👩‍👩‍👧‍👦'.repeat(20);
  const sent = async (filename: string) => {
    const disposition = `form-data; name="0"; filename="${filename}"`;
    const answer = await sendParts<{ uploadFile: FileAnswer }>(server.origin, ann.token, [
      ...FIELDS,
      { name: '0', type: 'text/plain', content: 'hello', disposition },
    ]);
    return answer.data?.uploadFile;
  };

  // CVE-2021-42574 (bidi controls), CVE-2006-7243 of PHP (NUL), CVE-2007-0450 of Tomcat (backslashes)
  it.each<[string, string, string]>([
    ['a NUL', 'a.png\u0000.html', 'a.png.html'],
    ['an override that makes txt of exe', 'photo\u202Etxt.exe', 'phototxt.exe'],
    ['isolates and marks', '\u2066a\u2069\u200F\u061C.txt', 'a.txt'],
    ['a combining mark behind a hidden mark', 'e\u200E\u0301.txt', '\u00E9.txt'],
    ['a path', '../../../etc/passwd', 'passwd'],
    ['a path of Windows', 'C:\\\\fakepath\\\\..\\\\x.bat', 'x.bat'],
    ['only dots', '..', 'unnamed'],
    ['only a path', '../..', 'unnamed'],
    ['nothing but hidden marks', '\u202E\u200E', 'unnamed'],
    ['a path beside the uploads', '../blobs-secret/key', 'key'],
    ['a line separator', 'a\u2028b.txt', 'ab.txt'],
  ])('with %s is cleaned', async (_what, filename, expected) => {
    const file = await sent(filename);
    expect(file?.originalName).toBe(expected);
    expect(file?.fileName).toMatch(/^[\w.-]+$/);
  });

  it('of any length has at most 255 characters, its ending, and whole ones', async () => {
    for (const [filename, ending] of [
      [`${'x'.repeat(300)}.txt`, '.txt'],
      [`${EMOJI}.png`, '.png'],
      [`${'👍'.repeat(300)}.png`, '.png'],
      [`${'e\u0301'.repeat(300)}.txt`, '.txt'],
      [`a.${'x'.repeat(300)}`, ''],
    ] as const) {
      const name = (await sent(filename))?.originalName ?? '';
      expect([...name].length).toBeLessThanOrEqual(255);
      expect(name.endsWith(ending)).toBe(true);
      expect(name.isWellFormed()).toBe(true);
    }
  });

  it('cannot become by a change what it could not be by an upload', async () => {
    const id = (await upload(server.origin, ann.token, { content: 'x' })).data?.uploadFile.id ?? '';
    for (const name of [
      '..',
      'a/b',
      'a\\b',
      'a\u0000',
      'a\nb',
      '\u202Ea',
      '\u061Ca',
      ' ',
      'x'.repeat(256),
      '👍'.repeat(256),
    ]) {
      const { errors } = await rename(id, name);
      expect([name, errors[0]?.extensions.code]).toEqual([name, 'BAD_USER_INPUT']);
    }
    expect((await rename(id, '👩‍👩‍👧‍👦.txt')).errors).toEqual([]);
  });
});

// CVE-2025-53110 of an MCP server: a folder whose name begins as that of the uploads passed for it.
describe('The folder of the uploads', () => {
  const beside = () => join(server.dataPath, 'blobs-secret');

  beforeAll(async () => {
    await mkdir(beside());
    await writeFile(join(beside(), 'key'), SECRET);
  });

  it('is all that is reached: nothing beside it is read, and nothing is written there', async () => {
    const { data } = await upload(server.origin, ann.token, {
      content: 'mine',
      filename: '../blobs-secret/key',
    });
    const id = data?.uploadFile.id ?? '';
    for (const path of [
      '/files/..%2fblobs-secret%2fkey/content',
      '/files/../blobs-secret/key/content',
      `/files/${id}%2f..%2f..%2fblobs-secret%2fkey/content`,
      `/files/${id}%00/content`,
      '/playground/..%2f..%2fpackage.json',
      '/playground/%2e%2e/%2e%2e/package.json',
      '/playground/....//....//package.json',
      '//etc/passwd',
      '/%5c..%5cpackage.json',
    ]) {
      const headers = { authorization: `Bearer ${ann.token}` };
      const answer = await send(server.origin, { method: 'GET', path, headers });
      expect([path, answer.status]).toEqual([path, 404]);
      expect(answer.text).not.toMatch(/what lies beside|imaginary-storage"|root:/);
    }
    expect(await readdir(beside())).toEqual(['key']);
    expect(await readFile(join(beside(), 'key'), 'utf8')).toBe(SECRET);
  });

  // CVE-2021-32803 of tar, CVE-2025-53109 of an MCP server: a link in the place of a file leads out of the folder.
  it('is swept without following links out of it', async () => {
    await symlink(beside(), join(server.dataPath, 'blobs', 'tmp', 'stray'));
    await symlink(join(beside(), 'key'), join(server.dataPath, 'spill', 'stray'));
    const { DATA_PATH, MONGODB_URI, UPLOAD_PATH } = server.env;
    const again = await startServer({ DATA_PATH, MONGODB_URI, UPLOAD_PATH });
    await again.stop();
    expect(await readFile(join(beside(), 'key'), 'utf8')).toBe(SECRET);
  });
});
