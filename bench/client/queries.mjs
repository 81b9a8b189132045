import { once } from 'node:events';
import { request } from 'node:http';
import { textOf, timed } from './workers.mjs';

/**
 * Posts the same JSON again and again.
 * @param {{ url: string, token: string | null, body: string, nodes: number, requests: number, connections: number }} job
 *   `nodes` is how many files each answer must list
 * @returns {Promise<{ seconds: number, bytes: number }>} `bytes` is the length of one answer
 */
export async function queries({ url, token, body, nodes, requests, connections }) {
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(token && { authorization: `Bearer ${token}` }),
  };
  let bytes = 0;
  const result = await timed({ times: requests, connections }, async (agent) => {
    const sent = request(url, { method: 'POST', agent, headers });
    sent.end(body);
    const [response] = await once(sent, 'response');
    const text = await textOf(response);
    // The list does not change, so an answer as long as the first, checked one is not parsed.
    if (text.length === bytes) return;
    const listed = JSON.parse(text).data?.files.nodes.length;
    if (bytes > 0 || listed !== nodes) throw new Error(`Another list came: ${text.slice(0, 500)}`);
    bytes = text.length;
  });
  return { ...result, bytes };
}
