import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditAction, AuditOutcome } from '../../../src/models/audit-event.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import type { AuditCriteria } from '../../../src/services/admin/audit-listing.ts';
import type { CountedPage, ForwardRequest } from '../../../src/services/forward-page.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { type AdminNode, adminNode } from '../../support/nodes/admin-node.ts';
import { QueryPlans } from '../../support/queries/query-plans.ts';

let database: TestDatabase;
let node: AdminNode;
let plans: QueryPlans;

beforeAll(async () => {
  database = await openTestDatabase();
  node = adminNode(database);
  plans = new QueryPlans(database.connection);
});
afterAll(() => database.close());

/** Every entry of a list, by pages of this size; each edge’s cursor is the one that the next page begins after. */
async function walk<T>(
  page: (request: ForwardRequest) => Promise<CountedPage<T>>,
  first: number,
): Promise<T[]> {
  const all: T[] = [];
  let after: string | null = null;
  for (;;) {
    const { nodes, hasNextPage, hasPreviousPage, cursor, count }: CountedPage<T> = await page({
      first,
      after,
    });
    expect(hasPreviousPage).toBe(after !== null);
    all.push(...nodes);
    const last = nodes.at(-1);
    if (!hasNextPage || last === undefined) {
      expect(await count()).toBe(all.length);
      return all;
    }
    expect(nodes).toHaveLength(first);
    after = cursor(last);
  }
}

describe('The accounts', () => {
  const NAMES = [
    ...['anna', 'Annabel', 'ANN_1', 'an', 'bob', 'annz', 'carl'].map((name) => [name, `${name}@example.org`]),
    ...[
      ['zed', 'anne@example.org'],
      ['yan', 'ann.b@example.org'],
      ['x_1', 'ANNO@example.org'],
    ],
  ] as [string, string][];

  beforeAll(async () => {
    const rows = NAMES.map(([username, email]) => ({
      ...{ username, email: email.toLowerCase(), password: '!', role: 'USER', isActive: true, usedBytes: 0 },
      ...{ isEmailVerified: false, createdAt: new Date(), updatedAt: new Date() },
    }));
    await database.collections.users.collection.insertMany(rows as never);
    const gone = { username: 'deleted_1', email: 'deleted_1', isActive: false, deletedAt: new Date() };
    await database.collections.users.collection.insertOne(gone as never);
  });

  const named = async (search: string | null, first = 3) =>
    (await walk((request) => node.accountListing.page(search, request), first)).map(
      ({ username }) => username,
    );

  it('are listed newest first, each once, whatever the size of the pages, those being removed left out', async () => {
    const newestFirst = NAMES.map(([name]) => name).reverse();
    for (const size of [1, 3, 10, 100]) expect(await named(null, size)).toEqual(newestFirst);
    expect(await named('  ')).toEqual(newestFirst);
  });

  it.each([
    ['ann', ['ANN_1', 'anna', 'Annabel', 'annz', 'yan', 'zed', 'x_1']],
    ['ANN', ['ANN_1', 'anna', 'Annabel', 'annz', 'yan', 'zed', 'x_1']],
    ['ann_', ['ANN_1']],
    ['anno@', ['x_1']],
    ['ann.', ['yan']],
    ['deleted', []],
    ['.*', []],
    ['^a', []],
    ['a'.repeat(254), []],
  ])('are found by how the name or the address begins: %s', async (search, found) => {
    for (const size of [1, 2, 100]) expect(await named(search, size)).toEqual(found);
  });

  it('are found by indexes alone, without a sort', async () => {
    const commands = await plans.expectIndexed(async () => {
      await named(null, 4);
      await named('ann', 2);
      await named('ann.', 2);
      await node.administration.find(new ObjectId().toHexString());
    });
    expect(commands.length).toBeGreaterThan(8);
    expect([...plans.used]).toEqual(expect.arrayContaining(['users.username', 'users.email', 'users._id_']));
  });

  it('take no cursor that is not theirs', async () => {
    const page = await node.accountListing.page('ann', { first: 1 });
    const cursor = page.nodes.map(page.cursor)[0] ?? '';
    for (const [search, after] of [
      ['bob', cursor],
      [null, cursor],
      ['ann', `${cursor}x`],
      ['ann', cursor.slice(1)],
      ['ann', ''],
      ['ann', '.'],
      ['ann', 'W10.'],
    ] as const) {
      await expect(node.accountListing.page(search, { after })).rejects.toMatchObject({
        code: 'BAD_USER_INPUT',
      });
    }
    for (const first of [0, -1, 101, 1.5]) {
      await expect(node.accountListing.page(null, { first })).rejects.toMatchObject({
        code: 'BAD_USER_INPUT',
      });
    }
  });
});

describe('The audit trail', () => {
  const [ann, bob, file] = [new ObjectId(), new ObjectId(), new ObjectId()];
  const HOUR = Date.UTC(2026, 0, 1, 12);
  const at = (seconds: number) => new Date(HOUR + seconds * 1000);
  const EVENTS = Array.from({ length: 60 }, (_, i) => ({
    _id: new ObjectId(
      ObjectId.createFromTime(HOUR / 1000 + i)
        .toHexString()
        .slice(0, 8) + `${i}`.padStart(16, '0'),
    ),
    action: [AuditAction.LOGGED_IN, AuditAction.FILE_DELETED, AuditAction.LOGIN_FAILED][i % 3],
    outcome: i % 3 === 2 ? AuditOutcome.REFUSED : AuditOutcome.DONE,
    actorId: i % 2 ? ann : bob,
    subjectId: i % 4 < 2 ? ann : bob,
    ...(i % 3 === 1 && { targetId: i % 5 ? file : new ObjectId() }),
    details: { number: i },
    createdAt: new Date(HOUR + i * 1000 + 500),
  }));

  beforeAll(() => database.collections.auditEvents.collection.insertMany(EVENTS as never));

  const CRITERIA: AuditCriteria[] = [
    {},
    { action: AuditAction.LOGGED_IN },
    { outcome: AuditOutcome.REFUSED },
    { outcome: AuditOutcome.DONE },
    { actorId: ann.toHexString() },
    { subjectId: bob.toHexString() },
    { targetId: file.toHexString() },
    { since: at(20.5), until: at(40.5) },
    { since: new Date(0), until: new Date(8.64e15) },
    { since: new Date(-8.64e15), until: at(10) },
    { action: AuditAction.LOGIN_FAILED, since: at(30) },
    { actorId: ann.toHexString(), outcome: AuditOutcome.REFUSED, until: at(31) },
    { actorId: ann.toHexString(), subjectId: bob.toHexString(), action: AuditAction.FILE_DELETED },
    {
      ...{ action: AuditAction.FILE_DELETED, outcome: AuditOutcome.DONE, actorId: bob.toHexString() },
      ...{ subjectId: ann.toHexString(), targetId: file.toHexString(), since: at(1), until: at(50) },
    },
  ];

  const meets = (event: (typeof EVENTS)[number], { since, until, ...rest }: AuditCriteria) =>
    (!since || event.createdAt >= since) &&
    (!until || event.createdAt < until) &&
    Object.entries(rest).every(([name, value]) => String(event[name as keyof typeof event]) === value);

  it.each(CRITERIA.map((criteria) => [JSON.stringify(criteria), criteria] as const))(
    'shows the newest first of %s, by an index and without a sort',
    async (_name, criteria) => {
      const wanted = EVENTS.filter((event) => meets(event, criteria)).map(({ details }) => details.number);
      expect(wanted.length).toBeGreaterThan(0);
      let found: unknown[] = [];
      await plans.expectIndexed(async () => {
        const all = await walk((request) => node.auditListing.page(criteria, request), 7);
        found = all.map(({ details }) => details?.number);
      });
      expect(found).toEqual(wanted.toReversed());
    },
  );

  it('is read by every index that is kept for it', async () => {
    const indexes = await database.collections.auditEvents.collection.indexes();
    const names = indexes.map(({ name }) => `auditevents.${name}`);
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => !plans.used.has(name))).toEqual([]);
  });

  it('takes ids that can be ids alone', async () => {
    for (const wrong of ['', 'x', '$ne', '{"$ne":null}']) {
      for (const name of ['actorId', 'subjectId', 'targetId']) {
        await expect(node.auditListing.page({ [name]: wrong }, {})).rejects.toMatchObject({
          code: 'BAD_USER_INPUT',
          issues: [{ field: `filter.${name}` }],
        });
      }
    }
  });
});
