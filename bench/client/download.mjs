import { once } from 'node:events';
import { get } from 'node:http';
import { textOf } from './workers.mjs';

/**
 * Reads one answer to its end and throws its bytes away.
 * @param {{ url: string, token: string | null, bytes: number }} job `bytes` is how many must come
 * @returns {Promise<{ seconds: number }>}
 */
export async function download({ url, token, bytes }) {
  const started = performance.now();
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const [response] = await once(get(url, { headers, agent: false }), 'response');
  if (response.statusCode !== 200) await textOf(response);
  let received = 0;
  response.on('data', (chunk) => {
    received += chunk.length;
  });
  await once(response, 'end');
  if (received !== bytes) throw new Error(`${received} bytes came instead of ${bytes}.`);
  return { seconds: (performance.now() - started) / 1000 };
}
