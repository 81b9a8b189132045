import { contest, median } from '../lib/measure.mjs';
import { bounded, compared } from '../lib/report.mjs';

const BYTES = 100 * 1024;
const MOST_MS = 50;
const REQUESTS = 20;

/** As much of a text, made of numbered pieces, as fits between its beginning and its end. */
function filled(begin, piece, end, most = Number.MAX_SAFE_INTEGER) {
  let text = begin;
  for (let i = 0; i < most; i += 1) {
    const next = piece(i);
    if (text.length + next.length + end.length > BYTES) break;
    text += next;
  }
  return (text + end).padEnd(BYTES, ' ');
}

const repeated = (count, piece) => Array.from({ length: count }, (_, i) => piece(i)).join('');
const LONG = 'n'.repeat(40);

/** Documents of 100 KiB that ask for much more than they are; those with few tokens get past the first of the limits. */
const DOCUMENTS = {
  'doubling fragments': filled(
    '{ ...F0 }',
    (i) => `fragment F${i} on Query { ${repeated(80, () => `...F${i + 1} `)}}`,
    ' fragment F on Query { id }',
  ),
  'doubling fragments of few tokens': filled(
    `{ ...${LONG}0 }`,
    (i) => `fragment ${LONG}${i} on Query { ${repeated(25, () => `...${LONG}${i + 1} `)}}`,
    '',
    48,
  ),
  'fragments of 3,000 tokens': filled(
    '{ me { ...F0 ...F1 } }',
    (i) => `fragment F${i} on User { ${repeated(1495, (j) => `f${j} `)}...F${i + 2} } `,
    '',
  ),
  'wide aliases': filled('{ me { ', (i) => `a${i}: id `, '} }'),
  'overlapping fields': filled('{ ', () => 'files(first: 1) { nodes { id id id } nodes { id id id } } ', '}'),
  'overlapping fields of few tokens': filled('{ me { ', () => 'id ', '} }', 2_900),
  'deep values': filled(
    `{ files(filter: { tags: ${'['.repeat(25_000)}`,
    () => '[',
    `${']'.repeat(50_000)} }) }`,
  ),
  'deep fields': filled('{a', () => '{a', ''),
  'long texts': filled('{ ', () => `a(b: "${'x'.repeat(2_000)}", c: """\n${'  y\n'.repeat(500)}""") `, '}'),
  comments: filled('{ ', () => '#\n', `${repeated(100, () => '__typename ')}}`),
  directives: filled('{ me ', () => '@skip(if: false) ', '{ id } }'),
  variables: filled('query (', (i) => `$v${i}: [Int] = [1] `, ') { me { id } }'),
};

/** (documents) 100 KiB of GraphQL that must be refused, in requests/s against a server that only parses them. */
export async function documents(scope, { rounds }) {
  const server = await scope.server({ RATE_LIMITS: 'api=off' });
  const client = scope.helper('client/documents.mjs');
  const bare = scope.helper('baseline/documents.mjs');
  const { origin } = await bare.ask({ kind: 'serve' });
  const lines = [];
  const overHttp = {};
  const alone = {};

  for (const [name, query] of Object.entries(DOCUMENTS)) {
    const body = JSON.stringify({ query });
    const contender = (url, pid, times = []) => ({
      pid,
      async run() {
        const result = await client.ask({ url, body, requests: REQUESTS });
        times.push(...result.times);
        return REQUESTS / result.seconds;
      },
    });
    const times = [];
    const what = { row: 'documents', unit: 'req/s', rounds };
    const { ours, baseline } = await contest(scope, what, {
      ours: contender(`${server.origin}/graphql`, server.pid, times),
      baseline: contender(origin, bare.pid),
    });
    overHttp[name] = times;
    alone[name] = await bare.ask({ kind: 'gate', body, times: REQUESTS });
    const details = { milliseconds: times, parse: await bare.ask({ kind: 'parse', body, times: REQUESTS }) };
    lines.push(compared({ ...what, what: `${name} : parse`, ours, baseline, goal: null, details }));
  }
  return [...lines, slowest('over HTTP', overHttp), slowest('by itself', alone)];
}

/** The line of the document that took the longest, by the median of its times. */
function slowest(how, times) {
  const medians = Object.fromEntries(Object.entries(times).map(([name, each]) => [name, median(each)]));
  const ours = Math.max(...Object.values(medians));
  const name = Object.keys(medians).find((each) => medians[each] === ours);
  const what = `the slowest refusal ${how}: ${name}`;
  return bounded({ row: 'documents', what, unit: 'ms', ours, most: MOST_MS, details: { medians, times } });
}
