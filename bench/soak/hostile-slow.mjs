import { envelope } from './client.mjs';
import { anyAddress, anySize, isOver, oneOf, pause, whole } from './random.mjs';
import { connect, drip, exchange } from './raw.mjs';

const UPLOAD = 'mutation ($file: Upload!) { uploadFile(file: $file) { id } }';
const HOLD_MS = 80_000;

/** Slow and broken connections: each takes what it can and gives nothing. */
export const SLOW = {
  'aborted upload': { run: abortedUpload, expected: ['left'] },
  'aborted download': { run: abortedDownload, expected: ['left'] },
  'slow headers': { run: slowHeaders, expected: ['HTTP 408', 'cut', 'left'] },
  'slow body': { run: slowBody, expected: ['HTTP 408', 'cut', 'left'] },
  'slow upload': { run: slowUpload, expected: ['HTTP 408', 'cut', 'left'] },
  'slow reader': { run: slowReader, expected: ['HTTP 200', 'left'] },
  'half-open sockets': { run: halfOpen, expected: ['left'] },
};

async function abortedUpload({ origin, victim }) {
  const { raw, total } = begunUpload(origin, victim.token, anySize(64 * 1024, 16 * 1024 * 1024));
  const piece = Buffer.alloc(64 * 1024, whole(0, 255));
  for (
    let left = Math.floor(total * Math.random());
    left > 0 && !raw.socket.destroyed;
    left -= piece.length
  ) {
    if (!raw.socket.write(piece)) {
      await Promise.race([raw.closed, new Promise((resolve) => raw.socket.once('drain', resolve))]);
    }
  }
  await pause(whole(0, 200));
  if (Math.random() < 0.5) raw.socket.resetAndDestroy();
  else raw.socket.destroy();
  return 'left';
}

function begunUpload(origin, token, size) {
  const url = new URL(origin);
  const { head, contentType } = envelope({ query: UPLOAD });
  const raw = connect(url, anyAddress());
  raw.socket.write(
    `POST /graphql HTTP/1.1\r\nhost: ${url.host}\r\nauthorization: Bearer ${token}\r\n` +
      `apollo-require-preflight: true\r\ncontent-type: ${contentType}\r\ncontent-length: ${head.length + size}\r\n\r\n`,
  );
  raw.socket.write(head);
  return { raw, total: size };
}

function download({ origin, bait }) {
  const url = new URL(origin);
  const raw = connect(url, anyAddress());
  raw.socket.write(`GET ${bait.path} HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`);
  return raw;
}

async function abortedDownload(scene) {
  const raw = download(scene);
  await Promise.race([raw.closed, pause(whole(5, 100))]);
  raw.socket.destroy();
  return 'left';
}

// Takes the head of the answer, and then nothing: the service must not keep the content in memory.
async function slowReader(scene) {
  const raw = download(scene);
  await Promise.race([raw.answered, raw.closed, pause(HOLD_MS, scene.until)]);
  raw.socket.pause();
  await Promise.race([raw.closed, pause(HOLD_MS, scene.until)]);
  const outcome = raw.outcome();
  raw.socket.destroy();
  return outcome === 'silent' && isOver(scene.until) ? 'left' : outcome;
}

function slowHeaders({ origin, until }) {
  const url = new URL(origin);
  const lines = [`GET /graphql HTTP/1.1\r\nhost: ${url.host}\r\n`];
  for (let n = 0; n < 100; n += 1) lines.push(`x-${n}: ${n}\r\n`);
  return dripped(url, lines, until);
}

// Whoever is still listened to after so long is listened to for ever, unless the soak ended first.
async function dripped(url, pieces, until) {
  const held = Math.min(until, Date.now() + HOLD_MS);
  const outcome = await drip(url, anyAddress(), pieces, { everyMs: 1000, until: held });
  return outcome === 'silent' && isOver(until) ? 'left' : outcome;
}

function slowBody({ origin, until }) {
  const url = new URL(origin);
  const head = `POST /graphql HTTP/1.1\r\nhost: ${url.host}\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n`;
  const pieces = [head, ...'{"query":"{ __typename }"'.padEnd(100, ' ')];
  return dripped(url, pieces, until);
}

async function slowUpload({ origin, victim, until }) {
  const { raw } = begunUpload(origin, victim.token, 1024 * 1024);
  for (const end = Math.min(until, Date.now() + 2 * HOLD_MS); Date.now() < end && !raw.socket.destroyed; ) {
    raw.socket.write('x');
    await Promise.race([raw.closed, pause(500, end)]);
  }
  const outcome = raw.outcome();
  raw.socket.destroy();
  return outcome === 'silent' && isOver(until) ? 'left' : outcome;
}

// Some say nothing, some half a request, some a request and no more reading; all stay for a while.
async function halfOpen({ origin, until }) {
  const url = new URL(origin);
  const halves = ['', 'G', 'GET / HTTP/1.1\r\n', `GET /health/live HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`];
  const held = Array.from({ length: 40 }, () => {
    const raw = connect(url, anyAddress());
    raw.socket.write(oneOf(halves) || '\r\n');
    if (Math.random() < 0.3) raw.socket.end();
    return raw;
  });
  await pause(whole(1000, 30_000), until);
  for (const { socket } of held) socket.destroy();
  return 'left';
}

/** Bytes that are no HTTP at all, or hardly. */
export async function garbage({ origin }) {
  const url = new URL(origin);
  const lines = [
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'GET / HTTP/9.9\r\n\r\n',
    `POST /graphql HTTP/1.1\r\nhost: ${url.host}\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    `POST /graphql HTTP/1.1\r\nhost: ${url.host}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nZZZ\r\n`,
    `GET /${'a'.repeat(40_000)} HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`,
    `GET / HTTP/1.1\r\nhost: ${url.host}\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`,
    `GET /files/%00/content HTTP/1.1\r\nhost: ${url.host}\r\nconnection: close\r\n\r\n`,
    `GET /%c0%ae%c0%ae/etc/passwd HTTP/1.1\r\nhost: ${url.host}\r\nconnection: close\r\n\r\n`,
    `BREW /pot HTTP/1.1\r\nhost: ${url.host}\r\nconnection: close\r\n\r\n`,
  ];
  return exchange(url, anyAddress(), [Buffer.from(oneOf(lines), 'latin1')], 10_000);
}
