import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createServices, type Wired } from '../../src/app/services.ts';
import { openStores } from '../../src/blobs/stores.ts';
import { readConfig } from '../../src/config.ts';
import { Metrics } from '../../src/http/metrics.ts';
import { ObjectId } from '../../src/models/object-id.ts';
import { isNamed } from '../../src/services/check/stored-places.ts';
import type { FileCriteria } from '../../src/services/files/file-filters.ts';
import { NO_LIMITS } from '../../src/services/limits/rate-limits.ts';
import type { SignedIn } from '../../src/services/sessions/sessions.ts';
import type { Viewer } from '../../src/services/viewer.ts';
import { askAccounts } from '../support/account-queries.ts';
import { askAdmin } from '../support/admin-queries.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { leaveOfEachKind } from '../support/kinds-of-leftovers.ts';
import { askLimits } from '../support/limit-queries.ts';
import { fileOf, generateFiles, insert, ORDERS } from '../support/listed-files.ts';
import { OwnData } from '../support/own-data.ts';
import { QueryPlans } from '../support/query-plans.ts';

const CLIENT = { ip: null, userAgent: null };
const PASSWORD = 'correct horse';
// Indexes that keep a promise by being there, whoever asks: `file_name` makes the names unique, `ttl` removes sessions.
const NEEDS_NO_QUERY = ['_id_', 'file_name', 'ttl'];
// Only a scanner asks by these: test/services/scanning/quarantine-indexes.test.ts shows that it does.
const OF_SCANS = ['by_scanner', 'quarantined_content', 'unshared_content', 'untold_verdicts'];

let database: TestDatabase;
const metrics = new Metrics();
let wired: Wired;
let folder: string;
let account: SignedIn;
let viewer: Viewer;
let plans: QueryPlans;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-indexes-'));
  database = await openTestDatabase();
  plans = new QueryPlans(database.connection);
  const config = readConfig({ UPLOAD_PATH: folder, BLOB_GRACE_MINUTES: '0', TRASH_RETENTION_DAYS: '3650' });
  wired = createServices({
    config,
    collections: database.collections,
    stores: await openStores(['local'], null, config),
    limits: NO_LIMITS,
    secrets: ['a secret for tests, long enough to be one'],
    metrics,
    log: pino({ level: 'silent' }),
    baseUrl: () => '',
  });
  const { accounts, sessions } = wired.services;
  const input = { username: 'owner', email: 'owner@example.org', password: PASSWORD };
  account = await accounts.register(input, CLIENT);
  viewer = await sessions.authenticate(account.tokens.accessToken);
  const others = Array.from({ length: 9 }, () => new ObjectId());
  await insert(database.collections, generateFiles([viewer.userId, ...others], 1500, 11));
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

const DAY = new Date(Date.UTC(2026, 0, 2));
const FILTERS: readonly FileCriteria[] = [
  {},
  { mimeType: 'image/png' },
  { mimeType: 'image/*' },
  { tags: ['work', 'home'] },
  { minSize: 1 },
  { maxSize: 1 },
  { createdAfter: DAY },
  { createdBefore: DAY },
  { isPublic: true },
  { isPublic: false },
  { isDeleted: true },
  { mimeType: 'image/*', tags: ['work'], minSize: 1, maxSize: 9, createdAfter: DAY, isPublic: true },
];

describe('Every list is answered by an index, without a sort', () => {
  it.each(FILTERS.map((filter) => ({ filter, name: JSON.stringify(filter) })))(
    'with $name',
    async ({ filter }) => {
      const { listing } = wired.services;
      for (const order of ORDERS) {
        const commands = await plans.expectIndexed(async () => {
          const page = await listing.own(viewer, {}, order, { first: 3 });
          const cursor = listing.cursor(order, page.files[1] ?? fileOf(viewer.userId, 'a'));
          await (await listing.own(viewer, filter, order, { first: 3, after: cursor })).count();
          await listing.own(viewer, filter, order, { last: 3, before: cursor });
          await listing.own(viewer, filter, order, { last: 3 });
          await (await listing.published(filter, order, { first: 3 })).count();
          await listing.published(filter, order, { first: 3, after: cursor });
          await listing.published({ ...filter, search: 'txt' }, order, { first: 3 });
        });
        expect(commands.length).toBeGreaterThan(4);
      }
    },
  );

  it.each(FILTERS.map((filter) => ({ filter, name: JSON.stringify(filter) })))(
    'with $name and a search, which alone may sort',
    async ({ filter }) => {
      const { listing } = wired.services;
      for (const order of ORDERS) {
        const cursor = listing.cursor(order, fileOf(viewer.userId, 'a'));
        const work = async () => {
          await (await listing.own(viewer, { ...filter, search: 'txt b' }, order, {})).count();
          await listing.own(viewer, { ...filter, search: 'txt' }, order, { last: 3, before: cursor });
        };
        expect(await plans.expectIndexed(work, { maySort: true })).toHaveLength(3);
      }
    },
  );

  it('as are the tags, the statistics and the counts', async () => {
    const { accounts, listing, files } = wired.services;
    const commands = await plans.expectIndexed(async () => {
      await listing.tags(viewer, '', 50);
      await listing.tags(viewer, 'wo', 50);
      await files.summary(viewer);
      await accounts.countFiles(viewer.userId);
    });
    expect(commands).toHaveLength(4);
  });
});

describe('Every other query is answered by an index', () => {
  it('of the accounts, the sessions and the API keys', async () => {
    await plans.expectIndexed(() => askAccounts(wired, viewer));
    // Deleting an account wakes the sweep, which would meet the leftovers of the tests below before they do.
    await wired.sweeping.stop();
  });

  it('of the mails and their tokens', async () => {
    const { verification, passwordReset } = wired.services;
    const token = '0'.repeat(64);
    await plans.expectIndexed(async () => {
      await verification.resend(viewer);
      await passwordReset.ask('owner@example.org');
      // It is done after the answer; a stop waits for it.
      await wired.sweeping.stop();
      await wired.outbox.run(new AbortController().signal);
      expect(await wired.outbox.newest()).not.toEqual([]);
      expect(await wired.outbox.waiting()).toBe(0);
      await verification.verify(token).catch(() => undefined);
      await passwordReset.reset(token, PASSWORD).catch(() => undefined);
    });
  });

  it('of the uploads, the files and the downloads', async () => {
    const { files, uploads, links } = wired.services;
    const { downloads } = wired;
    await plans.expectIndexed(async () => {
      const file = await upload('kept');
      await upload('kept');
      await upload('refused', { sha256: '0'.repeat(64) }).catch(() => undefined);
      await uploads.remainingBytes(viewer);
      await files.update(viewer, file.id, { description: 'new' });
      const url = new URL(links.contentUrl(viewer, file.id, 60, 'inline'), 'http://x');
      const link = Object.fromEntries(url.searchParams);
      const download = await downloads.authorise({ fileId: file.id, bearer: null, link });
      (await downloads.open(download.file)).destroy();
      await downloads.count(file);
      await files.trash(viewer, file.id);
      await files.restore(viewer, file.id);
      await files.remove(viewer, file.id);
      await files.emptyTrash(viewer);
    });
  });

  it('of the administrators and the audit trail', () =>
    plans.expectIndexed(() => askAdmin(wired, database.collections, viewer)));

  it('of the rate limits', () => plans.expectIndexed(() => askLimits(database, viewer.userId)));

  it('of the second factors, the images and the exports of accounts', async () => {
    const own = await OwnData.of(wired, database.collections);
    await plans.expectIndexed(() => own.useSecondFactor(viewer));
    await plans.expectIndexed(() => own.useImage());
    await plans.expectIndexed(() => own.export());
  });

  it('of the copies and the moves', async () => {
    const commands = await plans.expectIndexed(async () => {
      await upload('moved');
      await wired.janitor.run('copies', new AbortController().signal);
      await wired.moves.sum({ from: 'local', to: 'aws' });
      await wired.keyRotation.unreadable();
      await wired.keyRotation.uses();
      await wired.moves.sum({ from: 'local', to: 'aws', userId: viewer.userId, before: new Date() });
    });
    expect(commands.length).toBeGreaterThan(4);
  });

  it('of the sweep, with something to find of each kind', async () => {
    await leaveOfEachKind(database.collections, { upload, userId: viewer.userId, folder });
    let report: Record<string, number> = {};
    await plans.expectIndexed(async () => {
      report = await wired.sweep.run();
      await isNamed(database.collections, { provider: 'local', key: '2'.repeat(32) });
    });
    expect(Object.keys(report).filter((name) => report[name] === 0)).toEqual(['unfinished', 'lost-found']);
  });
});

it('No index is without a query that uses it', async () => {
  const declared = [];
  for (const { collection } of Object.values(database.collections)) {
    for (const { name } of await collection.indexes()) {
      if (![...NEEDS_NO_QUERY, ...OF_SCANS].includes(String(name)))
        declared.push(`${collection.collectionName}.${name}`);
    }
  }
  expect(declared.length).toBeGreaterThan(20);
  expect(declared.filter((name) => !plans.used.has(name))).toEqual([]);
});

function upload(content: string, facts = {}) {
  const stream = Readable.from([Buffer.from(content)]);
  const incoming = { open: async () => ({ filename: `${content}.txt`, mimeType: 'text/plain', stream }) };
  return wired.services.uploads.upload(viewer, incoming, facts, new AbortController().signal);
}
