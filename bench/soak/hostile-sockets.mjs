import { randomBytes } from 'node:crypto';
import { anyAddress, isOver, oneOf, pause, whole } from './random.mjs';
import { connect, exchange } from './raw.mjs';

const REFUSED = ['HTTP 400', 'HTTP 403', 'HTTP 404', 'HTTP 426', 'HTTP 429', 'cut'];

const CLOSING_MS = 60_000;

/** What is sent to where WebSockets are opened. */
export const SOCKETS = {
  'upgrade garbage': { run: upgradeGarbage, expected: REFUSED },
  'frame garbage': { run: frameGarbage, expected: ['closed', 'left', 'HTTP 429'] },
  'silent websockets': { run: silentSockets, expected: ['left'] },
};

function handshake(host, changes = {}) {
  const headers = {
    host,
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': randomBytes(16).toString('base64'),
    'sec-websocket-version': '13',
    'sec-websocket-protocol': 'graphql-transport-ws',
    ...changes,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET /graphql HTTP/1.1\r\n${lines.join('')}\r\n`;
}

function upgradeGarbage({ origin }) {
  const url = new URL(origin);
  const changes = oneOf([
    { 'sec-websocket-key': 'x' },
    { 'sec-websocket-version': '99' },
    { 'sec-websocket-protocol': 'soap' },
    { origin: 'https://evil.example' },
    { upgrade: 'h2c' },
    { 'sec-websocket-extensions': `permessage-deflate;${'x'.repeat(10_000)}`, 'sec-websocket-key': '' },
  ]);
  return exchange(url, anyAddress(), [handshake(url.host, changes), randomBytes(200)], 10_000);
}

/** A masked text frame as clients send them. */
function frame(text) {
  const body = Buffer.from(text);
  const mask = randomBytes(4);
  const head = Buffer.from([0x81, 0x80 | 126, body.length >> 8, body.length & 255]);
  for (let n = 0; n < body.length; n += 1) body[n] ^= mask[n % 4];
  return Buffer.concat([head, mask, body]);
}

async function frameGarbage({ origin, until }) {
  const url = new URL(origin);
  const raw = connect(url, anyAddress());
  raw.socket.write(handshake(url.host));
  await Promise.race([raw.answered, raw.closed, pause(10_000)]);
  if (raw.outcome() !== 'HTTP 101') return raw.outcome();
  const frames = [
    randomBytes(whole(10, 5000)),
    Buffer.from([0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]),
    Buffer.from([0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]),
    frame('{ not json'),
    frame(JSON.stringify({ type: 'connection_init', payload: { authorization: 'Bearer wrong' } })),
    frame(JSON.stringify({ type: 'subscribe', id: '1', payload: { query: '{ me { id } }' } })),
    frame(JSON.stringify({ __proto__: null, type: 'constructor' })),
  ];
  raw.socket.write(oneOf(frames));
  // A part of a frame is waited for until `connection_init` is overdue, and the close after it for a while, too.
  await Promise.race([raw.closed, pause(CLOSING_MS, until)]);
  const isClosed = raw.socket.destroyed || raw.socket.readableEnded;
  raw.socket.destroy();
  if (isClosed) return 'closed';
  return isOver(until) ? 'left' : 'still open';
}

async function silentSockets({ origin, until }) {
  const url = new URL(origin);
  const address = anyAddress();
  const held = Array.from({ length: 20 }, () => connect(url, address));
  for (const { socket } of held) socket.write(handshake(url.host));
  await pause(whole(1000, 15_000), until);
  for (const { socket } of held) socket.destroy();
  return 'left';
}
