import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Account, type FileAnswer, register, upload } from '../../support/client.ts';
import { DirectClient } from '../../support/direct-upload.ts';
import { Inspector } from '../../support/leftovers.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const MIB = 1024 * 1024;
const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex');

let server: RunningServer;
let inspector: Inspector;
let ann: Account;
let client: DirectClient;

const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');
const codes = (answer: { errors: readonly { extensions: { code: string } }[] }) =>
  answer.errors.map(({ extensions }) => extensions.code);

beforeAll(async () => {
  server = await startServer({
    MAX_FILE_SIZE: String(16 * MIB),
    DIRECT_PART_SIZE: String(5 * MIB),
    BLOCKED_MIME_TYPES: 'image/gif, application/pdf',
  });
  inspector = await Inspector.of(server);
});
afterAll(async () => {
  await inspector.close();
  await server.stop();
});
beforeEach(async () => {
  ann = await register(server.origin);
  client = new DirectClient(server.origin, ann.token);
});
afterEach(async () => {
  expect(await inspector.settled()).toEqual([]);
});

interface Hostile {
  readonly content: string | Buffer;
  readonly filename?: string;
  readonly type?: string;
  readonly facts?: object;
}

test.each<[string, Hostile]>([
  [
    'HTML that claims to be an image',
    { content: '<!doctype html><script>alert(1)</script>', type: 'image/png' },
  ],
  [
    'SVG that claims to be an image',
    { content: '<svg xmlns="http://www.w3.org/2000/svg"/>', type: 'image/png' },
  ],
  ['a PNG that claims to be HTML', { content: PNG, type: 'text/html' }],
  [
    'a blocked type that claims to be another',
    { content: 'GIF89a\u0001\u0000\u0001\u0000', type: 'image/png' },
  ],
  ['a blocked type of unknown name', { content: '%PDF-1.7\n', type: 'application/octet-stream' }],
  [
    'a blocked type of 3 MB',
    { content: Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.alloc(3_000_000)]) },
  ],
  ['a garbled type', { content: 'x', type: 'not a type' }],
  ['a type with parameters', { content: 'a,b', type: 'Text/CSV; charset=utf-8' }],
  ['more than a file may have', { content: Buffer.alloc(16 * MIB + 1) }],
  ['exactly what a file may have', { content: Buffer.alloc(16 * MIB, 1), type: 'image/x-raw' }],
  ['more than the quota holds', { content: Buffer.alloc(15_000_000) }],
  ['another hash than announced', { content: 'hullo', facts: { sha256: sha256('hello') } }],
  ['a hash that is none', { content: 'hello', facts: { sha256: 'x' } }],
  ['21 tags', { content: 'x', facts: { tags: Array.from({ length: 21 }, (_, i) => `${i}`) } }],
  ['a description of 1,001 characters', { content: 'x', facts: { description: 'x'.repeat(1_001) } }],
  ['an expiry date that has passed', { content: 'x', facts: { expiryDate: '2020-01-01T00:00:00Z' } }],
  ['a parent folder as its name', { content: 'x', filename: '../../etc/passwd' }],
  ['only dots as its name', { content: 'x', filename: '..' }],
  ['a bidi override in its name', { content: 'x', filename: 'invoice\u202etxt.exe' }],
  ['control characters in its name', { content: 'x', filename: 'a\tb\u0007.txt' }],
  ['a name of 300 characters', { content: 'x', filename: `${'ü'.repeat(300)}.txt` }],
  ['no name', { content: 'x', filename: '' }],
])(
  'fares as in a request of its own: %s',
  async (what, { content, filename = 'a', type = 'text/plain', facts }) => {
    if (what.includes('quota')) await inspector.setQuota(ann.id, 10_000_000);
    const byRequest = await upload(server.origin, ann.token, { content, filename, type }, facts);
    const direct = await client.upload(Buffer.from(content), {
      originalName: filename,
      mimeType: type,
      ...facts,
    });
    expect(codes(direct)).toEqual(codes(byRequest));
    expect(seen(direct.file)).toEqual(seen(byRequest.data?.uploadFile));
    expect(codes(direct).length === 1 || direct.file !== undefined).toBe(true);
  },
);

const seen = (file: FileAnswer | undefined) =>
  file && { ...file, id: '', fileName: file.fileName.replace(file.id, '') };
