import { createConnection } from 'node:net';
import { pause } from './random.mjs';

/**
 * A bare connection from an address; what comes back is kept up to a bound, and errors end in `closed`.
 * @param {URL} url
 * @param {string} address
 */
export function connect(url, address) {
  const socket = createConnection({ host: url.hostname, port: Number(url.port), localAddress: address });
  let answer = '';
  let tell = () => {};
  const answered = new Promise((resolve) => {
    tell = resolve;
  });
  socket.on('data', (bytes) => {
    tell();
    if (answer.length < 4096) answer += bytes.toString('latin1');
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => {});
  return {
    socket,
    closed,
    answered,
    /** `HTTP <status>` of the first answer, `cut` where the service closed without one, else `silent`. */
    outcome() {
      const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1];
      if (status) return `HTTP ${status}`;
      return socket.destroyed || socket.readableEnded ? 'cut' : 'silent';
    },
    answer: () => answer,
  };
}

/** Sends pieces, waits up to so long for an answer or the end of the connection, and leaves. */
export async function exchange(url, address, pieces, milliseconds) {
  const raw = connect(url, address);
  for (const piece of pieces) raw.socket.write(piece);
  await Promise.race([raw.closed, raw.answered, pause(milliseconds)]);
  const outcome = raw.outcome();
  raw.socket.destroy();
  return outcome;
}

/** Sends pieces one by one with a pause between, until the service cuts it or the time is over. */
export async function drip(url, address, pieces, { everyMs, until }) {
  const raw = connect(url, address);
  for (const piece of pieces) {
    if (raw.socket.destroyed || raw.answer() || Date.now() >= until) break;
    raw.socket.write(piece);
    await Promise.race([raw.closed, pause(everyMs, until)]);
  }
  const outcome = raw.outcome();
  raw.socket.destroy();
  return outcome;
}
