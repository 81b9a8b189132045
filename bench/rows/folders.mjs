import { contest } from '../lib/measure.mjs';
import { compared } from '../lib/report.mjs';

const WIDE = 100_000;
const SMALL = 100;
const DEEP = 10_000;
const FIRST = 50;
const PAGES_BEFORE = 20;

const FILES = `query ($id: ID!, $after: String, $sort: FileSort) {
  files(first: ${FIRST}, after: $after, filter: { folderId: $id }, sort: $sort) {
    nodes { id originalName fileSize updatedAt } pageInfo { endCursor }
  }
}`;
const FOLDERS = `query ($id: ID!) { folders(parentId: $id, first: ${FIRST}) { nodes { id name } } }`;
const CRUMBS = 'query ($id: ID!) { folder(id: $id) { breadcrumbs { id name } } }';
const MOVE = 'mutation ($id: ID!, $to: ID) { moveFolder(id: $id, parentId: $to) { id } }';

/** (folders) What is large or deep against the same that is small or flat, in requests/s one after another. */
export async function folders(scope, { rounds, queries }) {
  const server = await scope.server();
  const uploader = scope.helper('client/main.mjs');
  const url = `${server.origin}/graphql`;
  const { token, userId, database: uri } = server;
  await uploader.ask({ kind: 'uploads', url, token, files: 1, bytes: 100, connections: 1 });
  const client = scope.helper('client/folder-queries.mjs');
  const body = (query, variables) => JSON.stringify({ query, variables });
  const ask = async (query, variables) =>
    (await client.ask({ url, token, bodies: [body(query, variables)], requests: 1 })).data;
  const template = (await ask('{ files { nodes { id } } }', {})).files.nodes[0].id;
  scope.say(`(folders) puts ${2 * WIDE + DEEP} folders and files into the database`);
  const size = { wide: WIDE, deep: DEEP, small: SMALL };
  const ids = await scope.helper('client/folder-seed.mjs').ask({ uri, userId, template, ...size });
  const after = await deepCursor(ask, ids.wide);

  const requests = Math.max(1, Math.round(queries / 5));
  const contender = (bodies, times = requests) => ({
    pid: server.pid,
    async run() {
      const { seconds } = await client.ask({ url, token, bodies, requests: times });
      return times / seconds;
    },
  });
  const compare = async (what, goal, ours, baseline) => {
    const line = { row: 'folders', unit: 'req/s', rounds };
    const samples = await contest(scope, line, { ours, baseline });
    return compared({ ...line, what, goal, ...samples });
  };
  const list = (id, cursor = null) => contender([body(FILES, { id, after: cursor })]);
  const back = (id, to, home) => contender([body(MOVE, { id, to }), body(MOVE, { id, to: home })], 20);
  return [
    await compare(`${FIRST} of 100,000 files : of 100`, 0.8, list(ids.wide), list(ids.small)),
    await compare(
      `page ${PAGES_BEFORE + 1} of them : the first of 100`,
      0.8,
      list(ids.wide, after),
      list(ids.small),
    ),
    await compare(
      `${FIRST} of 100,000 folders : of 100`,
      0.8,
      contender([body(FOLDERS, { id: ids.siblings })]),
      contender([body(FOLDERS, { id: ids.few })]),
    ),
    await compare(
      'breadcrumbs at depth 10,000 (100 of them) : at depth 2',
      null,
      contender([body(CRUMBS, { id: ids.bottom })]),
      contender([body(CRUMBS, { id: ids.second })]),
    ),
    await compare(
      'moves below depth 10,000 : below depth 2',
      null,
      back(ids.movedDeep, ids.bottom, ids.above),
      back(ids.movedShallow, ids.second, ids.first),
    ),
  ];
}

/** The cursor at the end of so many pages. */
async function deepCursor(ask, id) {
  let after = null;
  for (let i = 0; i < PAGES_BEFORE; i += 1)
    after = (await ask(FILES, { id, after })).files.pageInfo.endCursor;
  return after;
}
