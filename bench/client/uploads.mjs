import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { textOf, timed } from './workers.mjs';

const QUERY = 'mutation Upload($file: Upload!) { uploadFile(file: $file) { id fileSize } }';
const CHUNK_BYTES = 256 * 1024;
// Random, since a parser's search for the boundary depends on the bytes it meets.
const CHUNK = randomBytes(CHUNK_BYTES);
const STAMP_BYTES = 16;

/**
 * Uploads files of different contents as GraphQL multipart requests, in constant memory.
 * @param {{ url: string, token: string | null, files: number, bytes: number, connections: number }} job
 * @returns {Promise<{ seconds: number, last: object }>} `last` is the answer to the upload that ended last
 */
export async function uploads({ url, token, files, bytes, connections }) {
  let last;
  const result = await timed({ times: files, connections }, async (agent) => {
    last = await upload({ url, token, bytes, agent });
  });
  return { ...result, last };
}

async function upload({ url, token, bytes, agent }) {
  const { head, tail, boundary } = frame();
  const sent = request(url, {
    method: 'POST',
    agent,
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': head.length + bytes + tail.length,
      'apollo-require-preflight': 'true',
      ...(token && { authorization: `Bearer ${token}` }),
    },
  });
  const answered = once(sent, 'response').then(([response]) => textOf(response));
  const [text] = await Promise.all([answered, send(sent, head, bytes, tail)]);
  const answer = JSON.parse(text);
  if (answer.errors) throw new Error(`The upload was refused: ${text.slice(0, 500)}`);
  if (answer.data && answer.data.uploadFile.fileSize !== bytes) throw new Error(`Bytes are missing: ${text}`);
  return answer;
}

async function send(sent, head, bytes, tail) {
  // The stamp alone makes each content differ from every other, so the rest of it can be one buffer.
  const beginning = Buffer.concat([head, randomBytes(STAMP_BYTES)]);
  const rest = bytes - STAMP_BYTES;
  if (rest <= CHUNK_BYTES) {
    sent.end(Buffer.concat([beginning, CHUNK.subarray(0, rest), tail]));
    return;
  }
  sent.write(beginning);
  for (let left = rest; left > 0; left -= CHUNK_BYTES) {
    const chunk = left < CHUNK_BYTES ? CHUNK.subarray(0, left) : CHUNK;
    if (!sent.write(chunk)) await once(sent, 'drain');
  }
  sent.end(tail);
}

function frame() {
  const boundary = `----bench${randomBytes(12).toString('hex')}`;
  const field = (name, value) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const head = [
    field('operations', JSON.stringify({ query: QUERY, variables: { file: null } })),
    field('map', JSON.stringify({ 0: ['variables.file'] })),
    `--${boundary}\r\nContent-Disposition: form-data; name="0"; filename="bench.bin"\r\n`,
    'Content-Type: application/octet-stream\r\n\r\n',
  ];
  return { boundary, head: Buffer.from(head.join('')), tail: Buffer.from(`\r\n--${boundary}--\r\n`) };
}
