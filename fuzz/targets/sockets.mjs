import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import WebSocket from 'ws';
import { register } from '../../test/support/client.ts';
import { failuresOf } from '../shared-server.mjs';

const PROTOCOL = 'graphql-transport-ws';
const PATIENCE_MS = 5_000;
// Of RFC 6455, and of the protocol; 4500 would be a failure of ours.
const CLOSES = [1002, 1003, 1007, 1009, 4400, 4401, 4403, 4406, 4408, 4409, 4429];
const TYPES = [
  'connection_init',
  'connection_ack',
  'ping',
  'pong',
  'subscribe',
  'next',
  'error',
  'complete',
  '',
  '__proto__',
];

const json = fc.jsonValue({ maxDepth: 4 });
const query = fc.oneof(
  fc.constantFrom(
    '{ me { id } }',
    'query ($a: FileFilter) { files(filter: $a) { totalCount } }',
    'mutation { logoutAll',
    '{',
  ),
  fc.string(),
);
const payload = fc.oneof(
  json,
  fc.record({ query, variables: json, operationName: json, extensions: json }, { requiredKeys: [] }),
  fc.record({
    query: fc.constant('query ($a: FileFilter) { files(filter: $a) { totalCount } }'),
    variables: fc.record({ a: json }),
  }),
  fc.record({ authorization: json }),
);
const id = fc.oneof(fc.constantFrom('1', '2', '__proto__', ''), json);
const message = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constantFrom(...TYPES), id, payload }, { requiredKeys: ['type'] }),
  },
  { weight: 1, arbitrary: json },
);
const text = fc.oneof(
  { weight: 8, arbitrary: message.map((each) => JSON.stringify(each) ?? '') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
);

/** Messages over a WebSocket. */
export async function sockets(get) {
  const server = await get();
  const { token } = await register(server.origin);
  const greetings = fc.constantFrom(
    null,
    { type: 'connection_init' },
    { type: 'connection_init', payload: { authorization: `Bearer ${token}` } },
  );
  return {
    'are answered, or end their socket with a code that says why': fc.asyncProperty(
      greetings,
      fc.array(text, { minLength: 1, maxLength: 8 }),
      async (greeting, texts) => {
        const before = failuresOf(server);
        const all = greeting ? [JSON.stringify(greeting), ...texts] : texts;
        const end = await spoken(server.origin, all);
        if (failuresOf(server) > before) throw new Error('The server logged a failure.');
        if (end !== 'alive' && !CLOSES.includes(end)) throw new Error(`It ended with ${end}.`);
      },
    ),
  };
}

/** Says it all; `alive` where the socket then still answers a ping, else the code that it was closed with. */
async function spoken(origin, texts) {
  const ws = new WebSocket(`${origin.replace(/^http/, 'ws')}/graphql`, PROTOCOL);
  ws.on('error', () => undefined);
  const closed = new Promise((resolve) => ws.once('close', resolve));
  const answered = new Promise((resolve) => {
    ws.on('message', (data) => {
      if (String(data).includes('the last of them')) resolve('alive');
    });
  });
  try {
    await new Promise((resolve) => ws.once('open', resolve).once('close', resolve));
    for (const each of texts) ws.send(each);
    ws.send(JSON.stringify({ type: 'ping', payload: { is: 'the last of them' } }));
    const late = pause(PATIENCE_MS, 'silent', { ref: false });
    return await Promise.race([closed, answered, late]);
  } finally {
    ws.terminate();
  }
}
