import { type GraphQLSchema, getNamedType, isLeafType, isObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Asker, allAskers, isKey, maySend } from '../../support/askers.ts';
import { type Account, type Answer, gql, register } from '../../support/client.ts';
import { HARMLESS, introspected, realFacts, stateOf } from '../../support/permission-facts.ts';
import { type Rule, rulesOf, typesWithin } from '../../support/permission-rules.ts';
import {
  type Facts,
  getOperation,
  operationOf,
  type RootField,
  rootFieldsOf,
  sendOperation,
  sendPlain,
} from '../../support/plausible-operations.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { ask, begun, socketClient } from '../../support/socket.ts';

const REFUSED = ['UNAUTHENTICATED', 'FORBIDDEN'];
const CONTENT = 'the content of the only file';
const AT_ONCE = 12;
const LONG = { timeout: 60_000 };

let server: RunningServer;
let schema: GraphQLSchema;
let owner: Account;
let victim: Account;
let askers: Asker[];
let real: Facts;

beforeAll(async () => {
  server = await startServer({ METRICS_TOKEN: 'the token of the metrics' });
  const { origin } = server;
  [owner, victim] = await Promise.all([register(origin), register(origin)]);
  schema = await introspected(origin);
  real = await realFacts(origin, owner, victim, CONTENT);
  askers = await allAskers(server, owner);
});
afterAll(() => server.stop());

const codesOf = ({ errors }: Pick<Answer, 'errors'>) => errors.map(({ extensions }) => extensions.code);
const isRoot = ({ name }: Pick<Rule, 'name'>) => /^(Query|Mutation|Subscription)\./.test(name);

function ruleOf(rules: readonly Rule[], name: string): Rule {
  const rule = rules.find((each) => each.name === name);
  if (!rule) throw new Error(`${name} is not in spec/security/permissions.md.`);
  return rule;
}

/** Holds an answer to be the one refusal that is due, with no data beside it. */
function expectRefusal(
  root: RootField,
  asker: Asker,
  answer: Pick<Answer<unknown>, 'data' | 'errors'>,
): void {
  const place = `${root.name} for ${asker.who}`;
  const expected = asker.isKnown ? 'FORBIDDEN' : 'UNAUTHENTICATED';
  expect([place, ...codesOf(answer)]).toEqual([place, expected]);
  expect(Object.values(answer.data ?? {}).filter((value) => value !== null)).toEqual([]);
}

/** Does the work for each, some at a time. */
async function each<T>(things: readonly T[], work: (thing: T) => Promise<void>): Promise<void> {
  const left = [...things];
  const worker = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

describe('Every query, mutation and subscription', () => {
  const rules = rulesOf('field').filter(isRoot);
  const casesOf = (isAllowed: boolean) =>
    rootFieldsOf(schema).flatMap((root) =>
      askers
        .filter((asker) => maySend(ruleOf(rules, root.name), asker) === isAllowed)
        .map((asker) => ({ root, asker })),
    );

  it('has a rule, and every rule a field', () => {
    const names = rootFieldsOf(schema).map(({ name }) => name);
    expect(names.length).toBeGreaterThan(25);
    expect(rules.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
  });

  it('is refused, with neither data nor effect, to whom its rule does not let pass', LONG, async () => {
    const states = () => Promise.all([owner, victim].map((account) => stateOf(server.origin, account)));
    const before = await states();
    const cases = casesOf(false).filter(({ root }) => root.kind !== 'subscription');
    expect(cases.length).toBeGreaterThan(200);
    await each(cases, async ({ root, asker }) =>
      expectRefusal(root, asker, await sendOperation(server.origin, operationOf(root, real), asker.token)),
    );
    expect(await states()).toEqual(before);
  });

  it('is refused by GET as well', LONG, async () => {
    const queries = casesOf(false).filter(({ root }) => root.kind === 'query');
    expect(queries.length).toBeGreaterThan(40);
    await each(queries, async ({ root, asker }) => {
      const answer = await getOperation(server.origin, operationOf(root, real), asker.token);
      expectRefusal(root, asker, answer);
    });
  });

  it('is refused over a WebSocket as well', LONG, async () => {
    const before = await stateOf(server.origin, owner);
    // A token that does not work opens none.
    const here = askers.filter(({ token, isKnown }) => isKnown || token === undefined);
    await each(here, async (asker) => {
      const client = socketClient(server.origin, asker.token);
      for (const { root } of casesOf(false).filter((one) => one.asker === asker)) {
        const { query, variables, files } = operationOf(root, real);
        if (files.length > 0) continue;
        expectRefusal(root, asker, await ask(client, query, variables));
      }
      await client.dispose();
    });
    expect(await stateOf(server.origin, owner)).toEqual(before);
  });

  it('lets pass whom its rule lets pass', LONG, async () => {
    const pass = async (root: RootField, { who, token }: Asker) => {
      const operation = operationOf(root, HARMLESS);
      const answer = await (root.kind === 'subscription'
        ? begun(server.origin, operation, token)
        : sendOperation(server.origin, operation, token));
      const refused = codesOf(answer).filter((code) => REFUSED.includes(code));
      expect(refused, `${root.name} for ${who}: ${answer.text}`).toEqual([]);
    };
    const cases = casesOf(true);
    expect(cases.length).toBeGreaterThan(80);
    const endsSession = ({ name }: RootField) => name.startsWith('Mutation.logout');
    await each(
      cases.filter(({ root }) => !endsSession(root)),
      ({ root, asker }) => pass(root, asker),
    );
    for (const root of rootFieldsOf(schema).filter(endsSession)) {
      const { token } = await register(server.origin);
      await pass(root, { who: 'a session of its own', token, columns: ['session'], isKnown: true });
    }
  });
});

describe('Every field with a rule of its own', () => {
  /** How somebody with this column’s rights comes to an object of the type. */
  const sharing = (selection: string) =>
    `mutation ($id: ID!) {
      grantAccess(input: { fileId: $id, userId: "${victim.id}", permission: VIEW }) { ${selection} }
    }`;
  const WAYS: Record<string, Record<string, (field: string) => string>> = {
    File: {
      'files:read': (field) => `query ($id: ID!) { file(id: $id) { ${field} } }`,
      'files:write': (field) => `mutation ($id: ID!) { updateFile(id: $id, input: {}) { ${field} } }`,
      'shares:write': (field) => sharing(`item { ... on File { ${field} } }`),
    },
    Folder: {
      'files:read': (field) => `query ($folder: ID!) { folder(id: $folder) { ${field} } }`,
      'files:write': (field) =>
        `mutation ($folder: ID!) { renameFolder(id: $folder, name: "kept") { ${field} } }`,
      'shares:write': (field) =>
        `mutation ($folder: ID!) {
          grantAccess(input: { folderId: $folder, userId: "${victim.id}", permission: VIEW }) {
            item { ... on Folder { ${field} } }
          }
        }`,
    },
    User: {
      'shares:write': (field) => sharing(`sharedBy { ${field} }`),
      'files:read': (field) => `query ($id: ID!) { file(id: $id) { owner { ${field} } } }`,
      'files:write': (field) =>
        `mutation ($id: ID!) { updateFile(id: $id, input: {}) { owner { ${field} } } }`,
      'account:read': (field) => `{ me { ${field} } }`,
    },
    FileVersion: {
      'files:read': (field) => `query ($id: ID!) { file(id: $id) { versions { ${field} } } }`,
    },
    ShareLink: { 'shares:write': (field) => `{ shares { nodes { ${field} } } }` },
    UploadRequest: { 'shares:write': (field) => `{ uploadRequests { nodes { ${field} } } }` },
    StorageUsage: { 'account:read': (field) => `{ me { usage { ${field} } } }` },
  };
  const rules = rulesOf('field').filter((rule) => !isRoot(rule) && rule.needs !== 'inherited');
  const cases = rules.flatMap((rule) => {
    const [type = '', field = ''] = rule.name.split('.');
    return Object.entries(WAYS[type] ?? {}).map(([column, way]) => ({ rule, type, field, column, way }));
  });

  it('is walked to on every way that a key has', () => {
    const columns = askers.filter(isKey).flatMap((asker) => asker.columns);
    const places = [...new Set(columns)].flatMap((column) => {
      const reached = typesWithin(schema, rulesOf('field'), column);
      return rules
        .filter(({ name }) => reached.has(name.split('.')[0] ?? ''))
        .map(({ name }) => `${name} by ${column}`);
    });
    expect(places.length).toBeGreaterThan(10);
    expect(cases.map(({ rule, column }) => `${rule.name} by ${column}`)).toEqual(
      expect.arrayContaining(places),
    );
  });

  it.each(cases)('$rule.name holds it of keys that come to it by $column', async (walked) => {
    const { rule, type, field, column, way } = walked;
    const parent = schema.getType(type);
    const of = isObjectType(parent) && parent.getFields()[field]?.type;
    const query = way(of && isLeafType(getNamedType(of)) ? field : `${field} { __typename }`);
    const variables = {
      ...(query.includes('$id') && { id: real.id('file') }),
      ...(query.includes('$folder') && { folder: real.id('folder') }),
    };
    const mayComeHere = (asker: Asker) => isKey(asker) && asker.columns.includes(column);
    for (const asker of askers.filter((each) => each.token === owner.token || mayComeHere(each))) {
      const answer = await gql(server.origin, query, variables, asker.token);
      const expected = maySend(rule, asker) ? [] : ['FORBIDDEN'];
      expect([asker.who, ...codesOf(answer)], answer.text).toEqual([asker.who, ...expected]);
      // It is the field that is refused, and not what led to it.
      for (const { path } of answer.errors) expect(path?.at(-1)).toBe(field);
    }
  });
});

describe('Every route', () => {
  const rules = rulesOf('route').filter(({ needs }) => needs !== 'fields');

  it('is in the list', () => {
    expect(rules.length).toBeGreaterThan(8);
  });

  it.each(rules)('$name answers and refuses by its rule', LONG, async (rule) => {
    const [, methods = '', address = ''] = /^(.*?) (\/.*)$/.exec(rule.name) ?? [];
    const path = address.replace(':id', real.id('file')).replace(/:\w+/g, '1');
    const cases = methods.split(', ').flatMap((method) => askers.map((asker) => ({ method, asker })));
    await each(cases, async ({ method, asker }) => {
      const { status, text } = await sendPlain(server.origin, method, path, asker.token);
      const place = `${method} ${path} for ${asker.who}: ${status}`;
      expect(isRight(rule, asker, status), place).toBe(true);
      if (!maySend(rule, asker)) expect(text).not.toContain(CONTENT);
    });
  });

  function isRight(rule: Rule, asker: Asker, status: number): boolean {
    const isRefusal = status === 401 || status === 403;
    if (rule.needs === 'anyone') return !isRefusal;
    if (rule.needs === 'signature' || rule.needs === 'token') return isRefusal;
    // Nobody is anonymous who shows a token: one that does not work is refused.
    const isAnonymous = asker.token === undefined && rule.cells.anonymous === 'yes';
    if (!asker.isKnown && !isAnonymous) return status === 401;
    return maySend(rule, asker) ? !isRefusal : status === 403;
  }
});
