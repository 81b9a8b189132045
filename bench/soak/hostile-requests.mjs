import { randomBytes } from 'node:crypto';
import { Client, envelope } from './client.mjs';
import { garbage } from './hostile-slow.mjs';
import { anyAddress, oneOf, whole } from './random.mjs';

const UPLOAD = 'mutation ($file: Upload!) { uploadFile(file: $file) { id } }';
const BAD = ['BAD_USER_INPUT', 'PAYLOAD_TOO_LARGE'];

/** Requests that are wrong in themselves. */
export const REQUESTS = {
  'malformed multipart': {
    run: malformed,
    expected: [...BAD, 'UNSUPPORTED_MEDIA_TYPE', 'UNAUTHENTICATED', 'cut'],
  },
  'costly document': { run: costly, expected: BAD },
  'operator objects': { run: operators, expected: ['BAD_USER_INPUT'] },
  'range fuzz': { run: rangeFuzz, expected: ['right'] },
  'bad signature': { run: badSignature, expected: ['FORBIDDEN', 'GONE', 'BAD_USER_INPUT', 'NOT_FOUND'] },
  'bad part signature': { run: badPart, expected: ['FORBIDDEN', 'GONE', 'BAD_USER_INPUT', 'NOT_FOUND'] },
  'no HTTP': { run: garbage, expected: ['HTTP 400', 'HTTP 404', 'HTTP 414', 'HTTP 431', 'HTTP 505', 'cut'] },
};

/** Does something as a client with an address of its own. */
export async function asSomebody({ origin }, work, address = anyAddress()) {
  const client = new Client(origin, address);
  try {
    return await work(client);
  } catch (error) {
    // The service may close a connection whose body it does not want.
    if (['ECONNRESET', 'EPIPE'].includes(error.code)) return 'cut';
    throw error;
  } finally {
    client.close();
  }
}

function malformed(scene) {
  return asSomebody(scene, async (client) => {
    const { boundary, head, tail, contentType } = envelope({ query: UPLOAD });
    const field = (name, value) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
    const operations = JSON.stringify({ query: UPLOAD, variables: { file: null } });
    const bodies = [
      [head],
      [head.subarray(0, whole(1, head.length - 1)), tail],
      [tail],
      [randomBytes(2000)],
      [field('map', '{}'), field('operations', operations), tail],
      [field('operations', operations), field('map', '{"0":["variables.__proto__.file"]}'), tail],
      [field('operations', operations), field('map', '{"0":["variables.constructor.prototype"]}'), tail],
      [field('operations', '['.repeat(5000)), tail],
      [
        field('operations', operations),
        field('map', JSON.stringify({ 0: Array(500).fill('variables.file') })),
        tail,
      ],
      [`--${boundary}\r\nContent-Disposition: form-data; name="${'x'.repeat(20_000)}"\r\n\r\n`, tail],
      [`--${boundary}\r\nContent-Disposition\r\n: ;;;=\r\n\r\n\r\n`, tail],
      [`--${boundary}\r\n`.repeat(2000), tail],
      [field('operations', `{"query":"${' '.repeat(1_200_000)}"}`), tail],
    ];
    const types = [
      contentType,
      contentType,
      contentType,
      'multipart/form-data',
      'multipart/form-data; boundary=',
    ];
    const headers = { 'content-type': oneOf(types), 'apollo-require-preflight': 'true' };
    const options = { method: 'POST', headers, token: scene.victim.token, body: oneOf(bodies) };
    return client.answerOf(await client.send('/graphql', options)).outcome;
  });
}

function costly(scene) {
  const nested = (depth) => `{ ${'files { nodes { owner '.repeat(depth)}${'}'.repeat(0)}`;
  const aliases = (count) => Array.from({ length: count }, (_, n) => `a${n}: me { id }`).join(' ');
  const spreads = Array.from(
    { length: 30 },
    (_, n) => `fragment f${n} on User { ...f${n + 1} ...f${n + 1} }`,
  );
  const documents = [
    `{ ${aliases(3000)} }`,
    nested(5000),
    `{ me { ...f0 } } ${spreads.join(' ')} fragment f30 on User { id }`,
    '{ me { ...a } } fragment a on User { ...b } fragment b on User { ...a }',
    `{ me ${'@include(if: true) '.repeat(3000)}{ id } }`,
    `{ files(first: 100) { nodes { ${Array.from({ length: 400 }, (_, n) => `o${n}: owner { id }`).join(' ')} } } }`,
    '{ files(first: 999999) { nodes { id } } }',
    `{ me { id } ${'#'.repeat(2_000_000)}`,
    '{'.repeat(50_000),
    `query (${Array.from({ length: 2000 }, (_, n) => `$v${n}: Int`).join()}) { me { id } }`,
  ];
  return asSomebody(scene, async (client) => {
    const { outcome } = await client.ask(oneOf(documents), {}, scene.victim.token);
    return outcome;
  });
}

function operators(scene) {
  const evil = oneOf([{ $gt: '' }, { $ne: null }, ['a'], { $where: 'sleep(1000)' }, { toString: 1 }]);
  const cases = [
    [
      'mutation ($input: LoginInput!) { login(input: $input) { accessToken } }',
      { input: { emailOrUsername: evil, password: 'x' } },
    ],
    ['mutation ($token: String!) { verifyEmail(token: $token) { id } }', { token: evil }],
    ['query ($id: ID!) { file(id: $id) { id } }', { id: evil }],
    [
      'query ($filter: FileFilter) { files(first: 5, filter: $filter) { totalCount } }',
      { filter: { search: evil } },
    ],
    [
      'query ($filter: FileFilter) { files(first: 5, filter: $filter) { totalCount } }',
      { filter: { userId: 'x' } },
    ],
    [
      'mutation ($input: RegisterInput!) { register(input: $input) { accessToken } }',
      { input: { role: 'ADMIN' } },
    ],
  ];
  return asSomebody(scene, async (client) => (await client.ask(...oneOf(cases), scene.victim.token)).outcome);
}

// Whatever is asked for: an answer that claims to be a part must be that part, and every other one the whole or none.
function rangeFuzz(scene) {
  const number = () =>
    oneOf(['', '0', '-1', '00', '1e3', '9'.repeat(30), `${whole(0, scene.bait.size * 2)}`, ' 1', '０']);
  const range = oneOf([
    `bytes=${number()}-${number()}`,
    `bytes=${number()}-${number()},${number()}-${number()}`,
    `${oneOf(['Bytes', 'lines', ''])}=${whole(0, 9)}-`,
    `bytes=${'0-1,'.repeat(500)}`,
  ]);
  return asSomebody(scene, async (client) => {
    const headers = { range: Buffer.from(range).toString('latin1') };
    const answer = await client.send(scene.bait.path, { headers });
    const [, start, end] = /^bytes (\d+)-(\d+)\//.exec(answer.headers['content-range'] ?? '') ?? [];
    const length = answer.status === 206 ? end - start + 1 : answer.status === 200 ? scene.bait.size : 0;
    return [200, 206, 416].includes(answer.status) && answer.size === length
      ? 'right'
      : `HTTP ${answer.status} with ${answer.size} bytes for ${range}`;
  });
}

function badSignature(scene) {
  const { pathname, searchParams } = new URL(scene.bait.path, scene.origin);
  const right = searchParams.get('signature');
  const wrong = oneOf(['', 'x', right.slice(1), `${right}A`, right.toLowerCase(), 'A'.repeat(5000), '%00']);
  if (wrong === right) return 'FORBIDDEN';
  searchParams.set('signature', wrong);
  if (Math.random() < 0.3) searchParams.set('expires', oneOf(['0', '-1', '1e99', 'NaN', '99999999999']));
  return asSomebody(
    scene,
    async (client) => client.answerOf(await client.send(`${pathname}?${searchParams}`)).outcome,
  );
}

function badPart(scene) {
  const id = oneOf(['0'.repeat(24), scene.bait.id, '..', 'a'.repeat(150)]);
  const query = new URLSearchParams({
    expires: `${Date.now()}`,
    signature: randomBytes(whole(0, 64)).toString('base64url'),
  });
  return asSomebody(scene, async (client) => {
    const options = { method: 'PUT', headers: { 'content-length': 100_000 }, body: [randomBytes(100_000)] };
    return client.answerOf(await client.send(`/uploads/${id}/parts/${whole(-1, 3)}?${query}`, options))
      .outcome;
  });
}
