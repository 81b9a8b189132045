import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { bytesOf } from './contents.mjs';

const PATIENCE_MS = 120_000;

/** What came of a request: `ok`, or a code of the service's table, or `HTTP <status>` where there is none. */
export function outcomeOf({ status, json }) {
  const code = json?.errors?.[0]?.extensions?.code ?? json?.error?.code;
  if (code) return code;
  return status < 300 ? 'ok' : `HTTP ${status}`;
}

/** Asks the service from one address; tokens are given with each request. */
export class Client {
  constructor(origin, address = '127.0.0.1') {
    this.url = new URL(origin);
    this.address = address;
    this.agent = new Agent({ keepAlive: true, maxSockets: 16 });
  }

  close() {
    this.agent.destroy();
  }

  /** Sends a request without waiting for its answer. */
  open(path, { method = 'GET', headers = {}, token } = {}) {
    const { hostname, port } = this.url;
    const options = { hostname, port, path, method, agent: this.agent, localAddress: this.address };
    const bearer = token && { authorization: `Bearer ${token}` };
    const sent = request({ ...options, headers: { ...bearer, ...headers } });
    sent.setTimeout(PATIENCE_MS, () => sent.destroy(new Error('no byte came for two minutes')));
    return sent;
  }

  /** Sends pieces of a body and resolves with the answer: its SHA-256, and its JSON where it is some. */
  async send(path, { body = [], ...options } = {}) {
    const sent = this.open(path, options);
    const answered = new Promise((resolve, reject) => sent.once('response', resolve).on('error', reject));
    // A refusal may come while the body is still on its way; nothing more of it is sent then.
    write(sent, body).catch(() => {});
    return read(await answered);
  }

  /** Runs an operation; resolves with its data, or null, and how it came out. */
  async ask(query, variables = {}, token = null, headers = {}) {
    const body = [JSON.stringify({ query, variables })];
    const all = { 'content-type': 'application/json', ...headers };
    return this.answerOf(await this.send('/graphql', { method: 'POST', headers: all, token, body }));
  }

  /** Runs an operation with one file, sent as its variable `file`. */
  async upload(query, { content, bytes, name = 'soak.bin', type = 'application/octet-stream', ...rest }) {
    const size = content?.size ?? bytes.length;
    const { head, tail, contentType } = envelope({ query, name, type, input: rest.input });
    const headers = {
      'content-type': contentType,
      'content-length': head.length + size + tail.length,
      'apollo-require-preflight': 'true',
    };
    const body = concat([head], content ? bytesOf(content) : [bytes], [tail]);
    return this.answerOf(await this.send('/graphql', { method: 'POST', headers, token: rest.token, body }));
  }

  answerOf(answer) {
    return { ...answer, data: answer.json?.data ?? null, outcome: outcomeOf(answer) };
  }
}

/** Everything around the file of a multipart request. */
export function envelope({ query, input, name = 'soak.bin', type = 'application/octet-stream' }) {
  const boundary = `----soak${randomBytes(12).toString('hex')}`;
  const field = (key, value) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${key}"\r\n\r\n${value}\r\n`;
  const operations = JSON.stringify({ query, variables: { file: null, ...(input && { input }) } });
  const head = [
    field('operations', operations),
    field('map', '{"0":["variables.file"]}'),
    `--${boundary}\r\nContent-Disposition: form-data; name="0"; filename="${name}"\r\nContent-Type: ${type}\r\n\r\n`,
  ];
  return {
    boundary,
    contentType: `multipart/form-data; boundary=${boundary}`,
    head: Buffer.from(head.join('')),
    tail: Buffer.from(`\r\n--${boundary}--\r\n`),
  };
}

function* concat(...parts) {
  for (const part of parts) yield* part;
}

async function write(sent, body) {
  const gone = once(sent, 'close').catch(() => {});
  for (const piece of body) {
    if (sent.destroyed || sent.errored) return;
    if (sent.write(piece)) continue;
    const waiting = new AbortController();
    await Promise.race([once(sent, 'drain', { signal: waiting.signal }).catch(() => {}), gone]);
    waiting.abort();
  }
  sent.end();
}

async function read(response) {
  const hash = createHash('sha256');
  const isJson = /json/.test(response.headers['content-type'] ?? '');
  const pieces = [];
  let size = 0;
  for await (const piece of response) {
    hash.update(piece);
    size += piece.length;
    if (isJson) pieces.push(piece);
  }
  const { statusCode: status, headers } = response;
  return { status, headers, size, sha256: hash.digest('hex'), json: parsed(pieces) };
}

function parsed(pieces) {
  try {
    return JSON.parse(Buffer.concat(pieces).toString());
  } catch {
    return null;
  }
}
