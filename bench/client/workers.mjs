import { Agent } from 'node:http';

/**
 * Does something so many times over so many connections that are kept alive, and says how long all of it took.
 * @param {{ times: number, connections: number }} load
 * @param {(agent: Agent) => Promise<void>} once
 * @returns {Promise<{ seconds: number }>}
 */
export async function timed({ times, connections }, once) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  let left = times;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      await once(agent);
    }
  };
  const started = performance.now();
  try {
    await Promise.all(Array.from({ length: connections }, worker));
    return { seconds: (performance.now() - started) / 1000 };
  } finally {
    agent.destroy();
  }
}

/** Reads an answer to its end; rejects unless its status is 200. */
export async function textOf(response) {
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  if (response.statusCode !== 200) throw new Error(`Answered ${response.statusCode}: ${text.slice(0, 500)}`);
  return text;
}
