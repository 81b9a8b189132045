import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import * as client from '../../test/support/client.ts';
import { vitalsOf } from '../../test/support/leftovers.ts';
import { RawConnection } from '../../test/support/raw-connection.ts';
import { failuresOf } from '../shared-server.mjs';

const PATIENCE_MS = 10_000;
const SPARE_DESCRIPTORS = 8;
const LOOK_EVERY = 25;

const TOKENS = [
  ...[
    `--${client.BOUNDARY}`,
    `--${client.BOUNDARY}--`,
    '\r\n',
    '\r\n\r\n',
    '\n',
    '\r',
    '\u0000',
    '"',
    '\\',
    ';',
    '=',
    ':',
  ],
  ...[
    'content-disposition: form-data; name="0"; filename="x"',
    'content-type: multipart/mixed; boundary=x',
    ' ',
  ],
  ...[
    "filename*=UTF-8''%",
    'name=""',
    'name="__proto__"',
    '{"0":["variables.file"]}',
    'variables.files.0',
    'é',
    '\u00ff',
  ],
];

const content = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.nat(300_000).map((length) => Buffer.alloc(length, 'a')),
  fc.constantFrom(...TOKENS).map((text) => Buffer.from(text)),
);
const name = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('0', '1') },
  { weight: 1, arbitrary: fc.string() },
);
const part = fc.record(
  {
    name,
    content,
    filename: fc.string({ unit: 'binary', maxLength: 40 }).map((text) => text.replaceAll('"', "'")),
    type: fc.oneof(fc.constantFrom('text/plain', 'image/png', ';;;'), fc.string()),
    disposition: fc.string(),
  },
  { requiredKeys: ['name', 'content'] },
);
const path = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('variables.files.0', 'variables.files.1') },
  fc.constantFrom(
    'variables',
    'variables.files',
    'variables.files.-1',
    'variables.__proto__',
    '0.variables.files.0',
    '',
  ),
  fc.string(),
);
const map = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ 0: ['variables.files.0'], 1: ['variables.files.1'] }) },
  { weight: 1, arbitrary: fc.dictionary(name, fc.array(path, { maxLength: 3 }), { maxKeys: 3 }) },
  { weight: 1, arbitrary: fc.jsonValue() },
);
const fields = map.map((given) => client.operationParts(client.UPLOAD_FILES, { files: [null, null] }, given));
const whole = fc
  .tuple(fields, fc.array(part, { maxLength: 4 }), fc.boolean())
  .map(([before, parts, isFirst]) =>
    client.multipart(isFirst ? [...before, ...parts] : [...parts, ...before]),
  );

/** Changes to the bytes, by places that are parts of a whole. */
const share = fc.double({ min: 0, max: 1, noNaN: true });
const change = fc.oneof(
  fc.tuple(fc.constant('insert'), share, fc.constantFrom(...TOKENS)),
  fc.tuple(fc.constant('overwrite'), share, fc.string({ unit: 'binary', minLength: 1, maxLength: 6 })),
  fc.tuple(fc.constant('remove'), share, share),
  fc.tuple(fc.constant('repeat'), share, share),
  fc.tuple(fc.constant('cut'), share, fc.constant('')),
);

function changedBy(body, [kind, share_, extra]) {
  const at = Math.floor(share_ * body.length);
  const head = body.subarray(0, at);
  if (kind === 'cut') return head;
  if (kind === 'insert') return Buffer.concat([head, Buffer.from(extra, 'latin1'), body.subarray(at)]);
  if (kind === 'overwrite')
    return Buffer.concat([head, Buffer.from(extra), body.subarray(at + extra.length)]);
  const to = Math.min(at + Math.floor(extra * 300), body.length);
  const middle = body.subarray(at, to);
  return Buffer.concat([head, ...(kind === 'repeat' ? [middle, middle] : []), body.subarray(to)]);
}

const request = fc.record({
  body: fc
    .tuple(whole, fc.array(change, { maxLength: 4 }))
    .map(([body, changes]) => changes.reduce(changedBy, body)),
  isChunked: fc.boolean(),
  // How the bytes are cut into packets, and whether all of them come.
  packet: fc.constantFrom(7, 100, 4_096, 1_000_000),
  vanishes: fc.boolean(),
});

/** Multipart requests to a running server. */
export async function multipart(get) {
  const server = await get();
  const { token, id } = await client.register(server.origin);
  // What a server opens once and keeps is not counted.
  await client.upload(server.origin, token, { content: 'warm' });
  const before = await vitalsOf(server.pid);
  let count = 0;

  return {
    'are answered or ended, and leave nothing': fc.asyncProperty(request, async (given) => {
      const failures = failuresOf(server);
      const status = await sent(server.origin, token, given);
      if (status >= 500 || failuresOf(server) > failures)
        throw new Error(`${status}: ${server.log().slice(-3_000)}`);
      count += 1;
      if (count % LOOK_EVERY !== 0) return;
      const { data } = await client.gql(server.origin, '{ me { id } }', {}, token);
      if (data?.me.id !== id) throw new Error('The next request is not answered.');
      await tidied(server, before);
    }),
  };
}

/** The status of the answer; 0 where the connection ended without one, or was left. */
async function sent(origin, token, { body, isChunked, packet, vanishes }) {
  const connection = await RawConnection.open(origin);
  const length = isChunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(body.length) };
  connection.begin({ ...client.uploadHeaders(token), ...length });
  const size = Math.max(packet, Math.ceil(body.length / 50));
  for (let at = 0; at < body.length && connection.socket.writable; at += size) {
    const bytes = body.subarray(at, at + size);
    if (isChunked) connection.chunk(bytes);
    else connection.socket.write(bytes);
  }
  if (isChunked && !vanishes) connection.socket.write('0\r\n\r\n');
  try {
    if (vanishes) await pause(2);
    else return (await connection.answer(PATIENCE_MS)).status;
  } catch (error) {
    await connection.ended(0).catch(() => {
      throw error;
    });
  } finally {
    connection.vanish();
  }
  return 0;
}

/** Rejects unless the server has soon let go of every file and connection that requests made it open. */
async function tidied({ pid, dataPath }, before) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const [spilled, temporary, now] = await Promise.all([
      readdir(join(dataPath, 'spill')),
      readdir(join(dataPath, 'blobs', 'tmp')),
      vitalsOf(pid),
    ]);
    const more = now.files + now.others - before.files - before.others;
    if (spilled.length === 0 && temporary.length === 0 && more <= SPARE_DESCRIPTORS) return;
    if (Date.now() > end)
      throw new Error(`Left: ${spilled.length} spilled, ${temporary.length} temporary, ${more} open`);
    await pause(20);
  }
}
