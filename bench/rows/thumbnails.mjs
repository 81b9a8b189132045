import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { contest } from '../lib/measure.mjs';
import { compared } from '../lib/report.mjs';

const AT_ONCE = 2;
const UPLOAD = 'mutation ($file: Upload!) { uploadFile(file: $file) { id } }';
const WAITING = '{ files(first: 100) { nodes { processingStatus } } }';

/** (thumbnails) Photographs from their upload to three previews each, against sharp alone on the same ones; pictures/s. */
export async function thumbnails(scope, { rounds, pictures }) {
  const folder = join(scope.folder, 'photographs');
  const bare = scope.helper('baseline/thumbnails.mjs');
  await bare.ask({ folder, make: pictures });
  const names = await readdir(folder);
  const photographs = await Promise.all(names.map((name) => readFile(join(folder, name))));
  const server = await scope.server({ PROCESSING_CONCURRENCY: String(AT_ONCE) });

  const what = { row: 'thumbnails', unit: 'pictures/s', rounds };
  const { ours, baseline } = await contest(scope, what, {
    ours: { pid: server.pid, run: () => processAll(server, photographs) },
    baseline: {
      pid: bare.pid,
      run: async () => pictures / (await bare.ask({ folder, atOnce: AT_ONCE })).seconds,
    },
  });
  return [
    compared({ ...what, what: 'photographs of 4 MP, upload to previews : sharp', ours, baseline, goal: 0.5 }),
  ];
}

async function processAll(server, photographs) {
  const rest = [...photographs];
  const began = performance.now();
  const worker = async () => {
    // Each one is new: equal contents would be processed once.
    for (let bytes = rest.pop(); bytes; bytes = rest.pop()) {
      await upload(server, Buffer.concat([bytes, randomBytes(16)]));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  for (;;) {
    const { data } = await ask(server, JSON.stringify({ query: WAITING }), 'application/json');
    const states = new Set(data.files.nodes.map(({ processingStatus }) => processingStatus));
    if (states.has('FAILED')) throw new Error('A photograph was not processed.');
    if (states.size === 1 && states.has('COMPLETED')) break;
    await pause(20);
  }
  return photographs.length / ((performance.now() - began) / 1000);
}

async function upload(server, bytes) {
  const body = new FormData();
  body.set('operations', JSON.stringify({ query: UPLOAD, variables: { file: null } }));
  body.set('map', JSON.stringify({ 0: ['variables.file'] }));
  body.set('0', new Blob([bytes], { type: 'image/jpeg' }), 'photograph.jpg');
  const { errors } = await ask(server, body);
  if (errors) throw new Error(JSON.stringify(errors));
}

async function ask({ origin, token }, body, type) {
  const headers = { authorization: `Bearer ${token}`, 'apollo-require-preflight': 'true' };
  if (type) headers['content-type'] = type;
  const answer = await fetch(`${origin}/graphql`, { method: 'POST', headers, body });
  return answer.json();
}
