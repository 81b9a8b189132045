import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { serve } from '../lib/processes.mjs';

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

/** Sends the bodies in turn, one after another, so many times in all; each must be answered without errors. */
serve(async ({ url, token, bodies, requests }) => {
  const began = performance.now();
  let data = null;
  for (let i = 0; i < requests; i += 1) data = await send(url, token, bodies[i % bodies.length]);
  return { seconds: (performance.now() - began) / 1000, data };
});

async function send(url, token, body) {
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    authorization: `Bearer ${token}`,
  };
  const outgoing = request(url, { method: 'POST', agent, headers });
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  const { data, errors } = JSON.parse(await text(response));
  if (errors) throw new Error(`It was refused: ${JSON.stringify(errors).slice(0, 500)}`);
  return data;
}
