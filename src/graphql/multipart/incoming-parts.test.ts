import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { IncomingParts } from './incoming-parts.ts';

const HEAD = { filename: 'a.txt', mimeType: 'text/plain' };
const opened: IncomingParts[] = [];

function partsOf(uses: Record<string, number>, maxBytes = 1_000): IncomingParts {
  const parts = new IncomingParts(new Map(Object.entries(uses)), { directory: tmpdir(), maxBytes });
  opened.push(parts);
  return parts;
}
afterEach(() => Promise.all(opened.splice(0).map((parts) => parts.close())));

/** A part as the parser makes it: its bytes come when somebody reads. */
const part = (content: string) => Readable.from([Buffer.from(content)], { objectMode: false });
const unended = () => new Readable({ read() {} });
const read = async (parts: IncomingParts, name: string) => text((await parts.incoming(name).open()).stream);

test('a part reaches its reader, whoever comes first', async () => {
  const parts = partsOf({ early: 1, late: 1 });
  parts.arrived('early', HEAD, part('one'));
  expect(await read(parts, 'early')).toBe('one');
  const late = read(parts, 'late');
  parts.arrived('late', HEAD, part('two'));
  expect(await late).toBe('two');
});

test('a part that waits makes room for a later one that is wanted', async () => {
  const parts = partsOf({ first: 1, second: 1 });
  const first = part('first');
  parts.arrived('first', HEAD, first);
  const second = read(parts, 'second');
  await new Promise((resolve) => first.once('close', resolve));
  parts.arrived('second', HEAD, part('second'));
  expect(await second).toBe('second');
  expect(await read(parts, 'first')).toBe('first');
});

test('a part that comes while a later one is wanted does not wait for its reader', async () => {
  const parts = partsOf({ first: 1, second: 1 });
  const second = read(parts, 'second');
  const first = part('first');
  parts.arrived('first', HEAD, first);
  await new Promise((resolve) => first.once('close', resolve));
  parts.arrived('second', HEAD, part('second'));
  expect([await read(parts, 'first'), await second]).toEqual(['first', 'second']);
});

test('each place of the map reads a part once', async () => {
  const parts = partsOf({ shared: 2 });
  const reads = [read(parts, 'shared'), read(parts, 'shared')];
  parts.arrived('shared', HEAD, part('x'));
  expect(await Promise.all(reads)).toEqual(['x', 'x']);
  expect(() => parts.incoming('shared').open()).toThrow(/path of its own/);
});

test('a part too large to wait fails for its reader alone', async () => {
  const parts = partsOf({ large: 1, wanted: 1 }, 4);
  const wanted = read(parts, 'wanted');
  parts.arrived('large', HEAD, part('12345'));
  await expect(read(parts, 'large')).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
  parts.arrived('wanted', HEAD, part('here'));
  expect(await wanted).toBe('here');
});

test('the end of the body tells those who still wait', async () => {
  const parts = partsOf({ missing: 1, later: 1 });
  const missing = read(parts, 'missing');
  parts.end(null);
  await expect(missing).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  await expect(read(parts, 'later')).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
});

test.each([
  ['that is read', { a: 1 }, 1],
  ['that waits', { a: 1 }, 0],
  ['that is spilled', { a: 2 }, 0],
])('a body that fails within a part %s fails the part and nothing else', async (_what, uses, readers) => {
  const parts = partsOf(uses);
  const stream = unended();
  const reads = Promise.allSettled(Array.from({ length: readers }, () => read(parts, 'a')));
  parts.arrived('a', HEAD, stream);
  // As the parser does it: the body first, then the part it was in, both in one turn.
  parts.end(new Error('cut'));
  stream.emit('error', new Error('cut short'));
  for (const { status } of await reads) expect(status).toBe('rejected');
  await turn();
  await expect(async () => read(parts, 'a')).rejects.toThrow(/cut|before/);
});

test('the rest of an abandoned part runs to waste while another is to come, and only then', async () => {
  const parts = partsOf({ a: 1, b: 1 });
  const [a, b] = [unended(), unended()];
  for (const [name, stream] of [['a', a] as const, ['b', b] as const]) {
    const content = parts.incoming(name).open();
    parts.arrived(name, HEAD, stream);
    (await content).stream.destroy();
    await turn();
  }
  expect([a.isPaused(), b.isPaused()]).toEqual([false, true]);
  await parts.close();
  expect(b.isPaused()).toBe(false);
});

test('parts that nobody named, and second ones of a name, run to waste', async () => {
  const parts = partsOf({ a: 1 });
  parts.arrived('a', HEAD, part('first'));
  for (const name of ['a', 'unknown', '__proto__']) {
    const stream = part('other');
    parts.arrived(name, HEAD, stream);
    await new Promise((resolve) => stream.once('close', resolve));
  }
  expect(await read(parts, 'a')).toBe('first');
});
