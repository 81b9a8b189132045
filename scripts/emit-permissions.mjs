/**
 * Writes spec/security/permissions.md from the rules of the compiled schema and routes (run `npm run build` before);
 * with --print it only prints the page.
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { lexicographicSortSchema } from 'graphql';
import { createLog } from '../dist/app/log.js';
import { createServer } from '../dist/app/server.js';
import { readConfig } from '../dist/config.js';
import { permissionsOf } from '../dist/graphql/permissions.js';
import { createSchema } from '../dist/graphql/schema.js';
import { Metrics } from '../dist/http/metrics.js';
import { Scope } from '../dist/models/api-key.js';
import { requireNeed } from '../dist/services/access.js';

const PAGE = new URL('../spec/security/permissions.md', import.meta.url);
const INTRO = `# Permissions

Every field with a rule and every route, and who may use it. Made from the code by \`npm run generate\`, so it is not edited
by hand; a field or a route without a rule stops the start. A test sends each of them with each kind of token.

| column | who |
|---|---|
| anonymous | a request without a token; with GraphQL also one whose token does not work (any more) |
| session | an access token |
| admin | an access token of an account with the role \`ADMIN\` |
| the others | an [API key](../api/api-keys.md) with this scope alone; more scopes may what each of them may |

*yes* means that the rule lets pass: whose file it is, and in what state, is decided behind it. Who may not is
\`UNAUTHENTICATED\` without a token that works, \`FORBIDDEN\` with one.`;
const FIELDS = `Fields that are not listed give what their object holds: whoever was given the object has them. So an upload answers what is
said of the new file to a key that may only write. \`inherited\` says the same of a field that is computed.`;
const ROUTES = `Plain routes refuse a token that does not work, where they look at tokens at all.

| needs | who |
|---|---|
| \`anyone\` | everybody, whatever token comes along |
| \`fields\` | by the fields of the operation, as above; a multipart body is read for a session or for \`files:write\` only |
| \`signature\` | whoever has an address that the service signed; no token is looked at |
| \`token\` | whoever has the service’s own token, where one is set |`;

const who = (key) => ({ role: 'USER', ...key });
const COLUMNS = [
  ['anonymous', null],
  ['session', who()],
  ['admin', who({ role: 'ADMIN' })],
  ...Object.values(Scope).map((scope) => [`\`${scope}\``, who({ key: { scopes: [scope] } })]),
];
const BY_ITSELF = { anyone: 'yes', fields: 'by field', signature: 'by signature', token: 'by token' };

function isAllowed(viewer, need) {
  if (need === 'inherited') return true;
  try {
    requireNeed(viewer, need);
    return true;
  } catch {
    return false;
  }
}

const cells = (need) => COLUMNS.map(([, viewer]) => (isAllowed(viewer, need) ? 'yes' : '–'));
const routeCells = (need) => (BY_ITSELF[need] ? COLUMNS.map(() => BY_ITSELF[need]) : cells(need));

function table(title, rows, cellsOf) {
  const head = [title, 'needs', ...COLUMNS.map(([name]) => name)];
  const lines = rows.map(({ name, need }) => [`\`${name}\``, `\`${need}\``, ...cellsOf(need)]);
  return [head, head.map(() => '---'), ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n');
}

// What promises and the framework ask of everything that they are given.
const NOT_OURS = ['then', 'name', 'prefix', 'logLevel', 'logSerializers'];

/** The routes of a server that is built but never asked anything, so what it is wired to does not matter. */
async function routes() {
  const anything = new Proxy(() => undefined, {
    get: (_, name) => (NOT_OURS.includes(name) ? undefined : anything),
    apply: () => anything,
  });
  const server = await createServer({
    config: readConfig({}),
    wired: anything,
    metrics: new Metrics(),
    log: createLog({ level: 'silent', pretty: false }),
    checks: {},
    stopping: () => false,
    assetsDirectory: fileURLToPath(new URL('../dist/playground', import.meta.url)),
  });
  await server.ready();
  const byAddress = new Map();
  for (const { route, need } of server.permissions) {
    const [method, address] = route.split(' ');
    const id = `${address} ${need}`;
    byAddress.set(id, { address, need, methods: [...(byAddress.get(id)?.methods ?? []), method] });
  }
  await server.close();
  return [...byAddress.values()]
    .map(({ address, need, methods }) => ({ name: `${methods.sort().join(', ')} ${address}`, address, need }))
    .sort((a, b) => (a.address < b.address ? -1 : 1));
}

const fields = permissionsOf(lexicographicSortSchema(await createSchema())).map(({ field, need }) => ({
  name: field,
  need,
}));
const of = (type) => fields.filter(({ name }) => name.startsWith(`${type}.`));
const roots = ['Query', 'Mutation', 'Subscription'];
const others = fields.filter(({ name }) => !roots.includes(name.split('.')[0]));
const sections = [
  ['Queries', table('field', of('Query'), cells)],
  ['Mutations', table('field', of('Mutation'), cells)],
  ...(of('Subscription').length > 0 ? [['Subscriptions', table('field', of('Subscription'), cells)]] : []),
  ['Fields of objects', `${FIELDS}\n\n${table('field', others, cells)}`],
  ['Routes', `${ROUTES}\n\n${table('route', await routes(), routeCells)}`],
];
const page = [INTRO, ...sections.map(([title, text]) => `## ${title}\n\n${text}`)].join('\n\n');
if (process.argv.includes('--print')) process.stdout.write(`${page}\n`);
else await writeFile(PAGE, `${page}\n`);
