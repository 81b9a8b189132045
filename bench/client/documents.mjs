import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { serve } from '../lib/processes.mjs';

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

/** Sends a document so often, one after another, and tells the seconds of all and the milliseconds of each. */
serve(async ({ url, body, requests }) => {
  const began = performance.now();
  const times = [];
  for (let i = 0; i < requests; i += 1) {
    const from = performance.now();
    const { status, answer } = await send(url, body);
    times.push(performance.now() - from);
    if (status !== 400)
      throw new Error(`It was not refused, but answered with ${status}: ${answer.slice(0, 500)}`);
  }
  return { seconds: (performance.now() - began) / 1000, times };
});

function send(url, body) {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const outgoing = request(url, { method: 'POST', agent, headers }, async (response) => {
      try {
        resolve({ status: response.statusCode, answer: await text(response) });
      } catch (error) {
        reject(error);
      }
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}
