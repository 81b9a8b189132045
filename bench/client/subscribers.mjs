import { once } from 'node:events';
import WebSocket from 'ws';
import { serve } from '../lib/processes.mjs';

const AT_ONCE = 20;
const PER_ADDRESS = 100;
const SUBSCRIBE = {
  id: '1',
  type: 'subscribe',
  payload: { query: 'subscription { fileChanged { kind fileId file { id originalName } } }' },
};

let sockets = [];
let arrivals = [];

/** Opens sockets, each with its token’s subscription where there are tokens, and tells when the last of them was told. */
serve(async ({ kind, ...job }) => {
  if (kind === 'open') return open(job);
  if (kind === 'expect') {
    arrivals = [];
    return;
  }
  if (kind === 'told') return told();
  for (const ws of sockets) ws.terminate();
  sockets = [];
});

async function open({ url, count, tokens }) {
  for (let i = 0; i < count; i += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - i) }, (_, j) => one(url, i + j, tokens));
    sockets.push(...(await Promise.all(some)));
  }
}

async function one(url, number, tokens) {
  // One address may have 100 sockets open; all of 127/8 are this machine.
  const localAddress = `127.0.0.${2 + Math.floor(number / PER_ADDRESS)}`;
  const ws = new WebSocket(url, tokens ? ['graphql-transport-ws'] : [], {
    localAddress,
    perMessageDeflate: false,
  });
  await once(ws, 'open');
  if (tokens) {
    const payload = { authorization: `Bearer ${tokens[number % tokens.length]}` };
    ws.send(JSON.stringify({ type: 'connection_init', payload }));
    await once(ws, 'message');
    ws.send(JSON.stringify(SUBSCRIBE));
  }
  ws.on('message', () => arrivals.push(Date.now()));
  return ws;
}

/** When each of them was told, once all were. */
async function told() {
  const until = Date.now() + 30_000;
  while (arrivals.length < sockets.length) {
    if (Date.now() > until) throw new Error(`Only ${arrivals.length} of ${sockets.length} were told.`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { first: Math.min(...arrivals), last: Math.max(...arrivals) };
}
