import { contest } from '../lib/measure.mjs';
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
  const answerBytes = {};

  const contender = (name, to, bearer, pid) => ({
    pid,
    async run() {
      const result = await client.ask({
        kind: 'queries',
        url: to,
        token: bearer,
        body: JSON.stringify({ query: QUERY }),
        nodes: FIRST,
        requests: queries,
        connections: CONNECTIONS,
      });
      answerBytes[name] = result.bytes;
      return queries / result.seconds;
    },
  });
  const what = { row: 'd', unit: 'req/s', rounds };
  const { ours, baseline } = await contest(scope, what, {
    ours: contender('ours', url, token, server.pid),
    baseline: contender('baseline', origin, null, bare.pid),
  });
  return [
    compared({
      ...what,
      what: 'files(first: 50), 12 fields : find + stringify',
      ours,
      baseline,
      goal: 0.5,
      details: { answerBytes },
    }),
  ];
}
