import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Account, register, upload } from '../../support/client.ts';
import { Inspector } from '../../support/leftovers.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const PNG_HEAD = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex');

let server: RunningServer;
let inspector: Inspector;
let ann: Account;

beforeAll(async () => {
  server = await startServer({ ALLOWED_MIME_TYPES: 'image/*, Text/Plain', BLOCKED_MIME_TYPES: 'image/gif' });
  inspector = await Inspector.of(server);
  ann = await register(server.origin);
});
afterAll(async () => {
  await inspector.close();
  await server.stop();
});

test.each<[string, string, string | Buffer, boolean]>([
  ['an allowed family', 'application/x', PNG_HEAD, true],
  ['an allowed type with parameters', 'text/plain; charset=utf-8', 'hello', true],
  ['a type that is not allowed', 'text/html', '<p>', false],
  ['a blocked type of an allowed family', 'image/png', 'GIF89a\u0001\u0000\u0001\u0000', false],
  ['a type that is not allowed, declared as one that is', 'image/jpeg', '%PDF-1.7\n', false],
])('%s', async (_what, type, content, accepted) => {
  const { errors } = await upload(server.origin, ann.token, { content, type });
  expect(errors.map(({ extensions }) => extensions.code)).toEqual(accepted ? [] : ['UNSUPPORTED_MEDIA_TYPE']);
  expect(await inspector.settled()).toEqual([]);
});

test('a large file of a type that is not allowed is refused at its head', async () => {
  const content = Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.alloc(3_000_000)]);
  const { errors } = await upload(server.origin, ann.token, { content });
  expect(errors[0]?.extensions.code).toBe('UNSUPPORTED_MEDIA_TYPE');
  expect(await inspector.settled()).toEqual([]);
});
