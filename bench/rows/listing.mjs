import { cpuSeconds, interleave } from '../lib/measure.mjs';
import { compared } from '../lib/report.mjs';

const FIRST = 50;
const FILES = 300;
const CONNECTIONS = 16;
const FIELDS = [
  'id',
  'originalName',
  'fileName',
  'fileSize',
  'mimeType',
  'fileHash',
  'tags',
  'isPublic',
  'downloadCount',
  'uploadStatus',
  'createdAt',
  'updatedAt',
];
const QUERY = `query Files { files(first: ${FIRST}) { nodes { ${FIELDS.join(' ')} } } }`;

/** (d) A page of the own files over 16 connections, in requests/s. */
export async function listing(scope, { rounds, queries }) {
  const server = await scope.server();
  const client = scope.helper('client/main.mjs');
  const { token, userId } = server;
  const url = `${server.origin}/graphql`;
  await client.ask({ kind: 'uploads', url, token, files: FILES, bytes: 100, connections: CONNECTIONS });
  const bare = scope.helper('baseline/listing.mjs');
  const { origin } = await bare.ask({ uri: server.database, userId, first: FIRST, fields: FIELDS });
  const cpu = { ours: [], baseline: [] };
  const bytes = {};

  const load = (name, to, bearer, pid) => async () => {
    const before = await cpuSeconds(pid);
    const result = await client.ask({
      kind: 'queries',
      url: to,
      token: bearer,
      body: JSON.stringify({ query: QUERY }),
      nodes: FIRST,
      requests: queries,
      connections: CONNECTIONS,
    });
    bytes[name] = result.bytes;
    cpu[name].push(Math.round((((await cpuSeconds(pid)) - before) / queries) * 1e6));
    scope.say(`  (d) ${name}: ${(queries / result.seconds).toFixed(0)} requests/s`);
    return queries / result.seconds;
  };
  const contenders = {
    ours: load('ours', url, token, server.pid),
    baseline: load('baseline', origin, null, bare.pid),
  };
  await interleave(contenders, 1);
  for (const list of Object.values(cpu)) list.length = 0;
  const { ours, baseline } = await interleave(contenders, rounds);
  return [
    compared({
      row: 'd',
      what: 'files(first: 50), 12 fields : find + stringify',
      unit: 'req/s',
      ours,
      baseline,
      goal: 0.5,
      details: { cpuMicrosecondsPerRequest: cpu, answerBytes: bytes },
    }),
  ];
}
