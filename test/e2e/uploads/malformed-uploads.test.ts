import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  type Account,
  type Answer,
  BOUNDARY,
  gql,
  multipart,
  operationParts,
  type Part,
  register,
  send,
  sendParts,
  UPLOAD_FILE,
  UPLOAD_FILES,
  uploadHeaders,
} from '../../support/client.ts';
import { Inspector } from '../../support/leftovers.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const MAX_FILE_SIZE = 1024 * 1024;
const FIELDS = operationParts(UPLOAD_FILE, { file: null }, { 0: ['variables.file'] });
const [OPERATIONS, MAP] = FIELDS as [Part, Part];
const FILE: Part = { name: '0', filename: 'a.txt', type: 'text/plain', content: 'hello' };

let server: RunningServer;
let inspector: Inspector;
let ann: Account;

beforeAll(async () => {
  server = await startServer({ MAX_FILE_SIZE: String(MAX_FILE_SIZE) });
  inspector = await Inspector.of(server);
  ann = await register(server.origin);
});
afterAll(async () => {
  await inspector.close();
  await server.stop();
});

// Whatever a request was, the process lives, the next request works and nothing is left.
afterEach(async () => {
  const { data } = await gql<{ me: { id: string } }>(server.origin, '{ me { id } }', {}, ann.token);
  expect(data?.me.id).toBe(ann.id);
  expect(await inspector.settled()).toEqual([]);
});

const sendBody = (body: string | Buffer, headers: Record<string, string> = {}) =>
  send(server.origin, { headers: { ...uploadHeaders(ann.token), ...headers }, body });
const codes = (answer: Answer<unknown>) => answer.errors.map(({ extensions }) => extensions.code);
const whole = multipart([...FIELDS, FILE]);

test.each<[string, string | Buffer, Record<string, string>?]>([
  ['no boundary in the header', whole, { 'content-type': 'multipart/form-data' }],
  ['an empty boundary', whole, { 'content-type': 'multipart/form-data; boundary=' }],
  [
    'a boundary of 10,000 characters',
    whole,
    { 'content-type': `multipart/form-data; boundary=${'b'.repeat(10_000)}` },
  ],
  ['a boundary that never comes', Buffer.alloc(500_000, 'x')],
  ['an empty body', ''],
  ['only the closing boundary', `--${BOUNDARY}--\r\n`],
  [
    'a header that never ends',
    `--${BOUNDARY}\r\ncontent-disposition: form-data; name="operations"${'x'.repeat(1_048_576)}`,
  ],
  [
    'a header line of 1 MiB',
    `--${BOUNDARY}\r\ncontent-disposition: form-data; name="operations"; x="${'x'.repeat(1_048_576)}"\r\n\r\n{}\r\n--${BOUNDARY}--\r\n`,
  ],
  // CVE-2022-24434
  [
    'a header that begins with a line break',
    `--${BOUNDARY}\r\n content-disposition: form-data; name="operations"\r\n\r\n\r\n--${BOUNDARY}--\r\n`,
  ],
  ['part headers without a disposition', `--${BOUNDARY}\r\n\r\n\r\n--${BOUNDARY}--\r\n`],
  ['a body cut within the operations', whole.subarray(0, 150)],
  ['a body cut within the map', whole.subarray(0, whole.indexOf('variables.file"'))],
  ['a body cut within a part’s head', whole.subarray(0, whole.indexOf('a.txt'))],
  ['a body cut within the file', whole.subarray(0, whole.indexOf('hello') + 3)],
  ['a body cut within the closing boundary', whole.subarray(0, whole.length - 6)],
])('malformed: %s', async (_what, body, headers) => {
  const answer = await sendBody(body, headers);
  expect(codes(answer)).toEqual(['BAD_USER_INPUT']);
});

test.each<[string, readonly Part[], string?]>([
  ['no operations', [MAP, FILE]],
  ['no map', [OPERATIONS, FILE]],
  ['neither', [FILE]],
  ['operations that are not JSON', [{ name: 'operations', content: '{"query":' }, MAP, FILE]],
  ['operations that are null', [{ name: 'operations', content: 'null' }, MAP, FILE]],
  ['operations that are an array', [{ name: 'operations', content: `[${OPERATIONS.content}]` }, MAP, FILE]],
  ['operations after the file', [FILE, OPERATIONS, MAP]],
  ['the map before the operations', [MAP, OPERATIONS, FILE]],
  ['the map after the file', [OPERATIONS, FILE, MAP]],
  [
    'operations over 1 MiB',
    [{ name: 'operations', content: `{"query":"#${'x'.repeat(1_100_000)}"}` }, MAP, FILE],
  ],
  ['a map over 1 MiB', [OPERATIONS, { name: 'map', content: `{"0":["${'x'.repeat(1_100_000)}"]}` }, FILE]],
  ['a map that is not JSON', [OPERATIONS, { name: 'map', content: 'x' }, FILE]],
  ['a map that is an array', [OPERATIONS, { name: 'map', content: '[["variables.file"]]' }, FILE]],
  ['a map that is null', [OPERATIONS, { name: 'map', content: 'null' }, FILE]],
  ['operations without a query', [{ name: 'operations', content: '{"variables":{"file":null}}' }, MAP, FILE]],
  [
    'an operation that is no GraphQL',
    [{ name: 'operations', content: '{"query":"{","variables":{"file":null}}' }, MAP, FILE],
  ],
  [
    'an operation that is invalid',
    [{ name: 'operations', content: '{"query":"{ nothing }","variables":{"file":null}}' }, MAP, FILE],
  ],
  ['a part that the map does not name', [...FIELDS, { ...FILE, name: '1' }]],
  ['a part without a name', [...FIELDS, { ...FILE, disposition: 'form-data; filename="a.txt"' }]],
  ['a part with an empty name', [...FIELDS, { ...FILE, name: '' }]],
  ['no part for the map’s entry', FIELDS],
  [
    '1,000 parts that nobody named',
    [...FIELDS, ...Array.from({ length: 1_000 }, (_, i) => ({ ...FILE, name: `x${i}` }))],
  ],
  ['1,000 fields', [OPERATIONS, ...Array.from({ length: 1_000 }, () => OPERATIONS)]],
  [
    'more files than a request may bring',
    [
      OPERATIONS,
      {
        name: 'map',
        content: JSON.stringify(
          Object.fromEntries(Array.from({ length: 11 }, (_, i) => [i, [`variables.${i}`]])),
        ),
      },
    ],
    'PAYLOAD_TOO_LARGE',
  ],
])('not by the specification: %s', async (_what, parts, code = 'BAD_USER_INPUT') => {
  const answer = await sendParts(server.origin, ann.token, parts);
  expect(codes(answer)).toEqual([code]);
  expect(answer.data ?? null).toBeNull();
});

test.each([
  ['an entry that is no list', { 0: 'variables.file' }],
  ['an empty list', { 0: [] }],
  ['a number as path', { 0: [7] }],
  ['__proto__', { 0: ['variables.__proto__.file'] }],
  ['__proto__ at the end', { 0: ['variables.__proto__'] }],
  ['constructor', { 0: ['variables.constructor.prototype.file'] }],
  ['a path outside of the variables', { 0: ['query'] }],
  ['a path to a value', { 0: ['variables.input.description'] }],
  ['a path to nothing', { 0: ['variables.other'] }],
  ['a path through a text', { 0: ['variables.input.description.length'] }],
  ['an empty path', { 0: [''] }],
  ['one path twice', { 0: ['variables.file', 'variables.file'] }],
  ['one path for two parts', { 0: ['variables.file'], 1: ['variables.file'] }],
  ['101 paths', { 0: Array.from({ length: 101 }, (_, i) => `variables.${i}`) }],
])('a map with %s is refused', async (_what, map) => {
  const variables = { file: null, input: { description: 'text' } };
  const answer = await sendParts(server.origin, ann.token, [
    ...operationParts(UPLOAD_FILE, variables, map),
    FILE,
  ]);
  expect(codes(answer)).toEqual(['BAD_USER_INPUT']);
  expect(({} as Record<string, unknown>).file).toBeUndefined();
});

test('a second part of one name is ignored, and so are fields after the files', async () => {
  const parts = [...FIELDS, FILE, { ...FILE, content: 'other' }, OPERATIONS, MAP];
  const answer = await sendParts<{ uploadFile: { fileSize: number } }>(server.origin, ann.token, parts);
  expect(answer.data?.uploadFile.fileSize).toBe(5);
});

test('one variable used twice needs two paths, and says so', async () => {
  const query = 'mutation ($f: Upload!) { a: uploadFile(file: $f) { id } b: uploadFile(file: $f) { id } }';
  const parts = [...operationParts(query, { f: null }, { 0: ['variables.f'] }), FILE];
  const answer = await sendParts(server.origin, ann.token, parts);
  expect(codes(answer)).toEqual(['BAD_USER_INPUT']);
  expect(answer.errors[0]?.message).toMatch(/path of its own/);
});

test('an upload written as JSON or as a literal is refused', async () => {
  const asJson = await gql(server.origin, UPLOAD_FILE, { file: { name: 'x' } }, ann.token);
  const literal = await gql(server.origin, 'mutation { uploadFile(file: "x") { id } }', {}, ann.token);
  expect([...codes(asJson), ...codes(literal)]).toEqual(['BAD_USER_INPUT', 'BAD_USER_INPUT']);
});

test('a file that the operation never uses is not kept, however slowly the answer is read', async () => {
  const parts = operationParts(
    'query ($file: Upload) { __typename }',
    { file: null },
    { 0: ['variables.file'] },
  );
  const answer = await sendParts(server.origin, ann.token, [
    ...parts,
    { ...FILE, content: Buffer.alloc(900_000) },
  ]);
  expect(codes(answer)).toEqual(['BAD_USER_INPUT']);
});

// In one packet the parser meets the end before anybody could take the part that it cuts.
test.each([
  ['one file', operationParts(UPLOAD_FILE, { file: null }, { 0: ['variables.file'] })],
  [
    'a file used twice',
    operationParts(UPLOAD_FILES, { files: [null, null] }, { 0: ['variables.files.0', 'variables.files.1'] }),
  ],
  ['a file nobody wants', operationParts('{ nothing }', { file: null }, { 0: ['variables.file'] })],
])('a body that is cut in the packet it came in: %s', async (_what, fields) => {
  const body = multipart([...fields, { ...FILE, content: Buffer.alloc(20_000) }]).subarray(0, -10_000);
  for (let round = 0; round < 20; round += 1) {
    const connection = await RawConnection.open(server.origin);
    connection.begin({ ...uploadHeaders(ann.token), 'content-length': String(body.length) });
    connection.socket.write(body);
    const { errors } = await connection.answer();
    expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set(['BAD_USER_INPUT']));
    connection.vanish();
  }
});
