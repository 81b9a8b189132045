import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Wired } from '../../src/app/services.ts';
import { isNamed } from '../../src/services/check/stored-places.ts';
import type { Viewer } from '../../src/services/viewer.ts';
import type { TestDatabase } from '../support/database.ts';
import { leaveOfEachKind } from '../support/kinds-of-leftovers.ts';
import { ORDERS } from '../support/listed-files.ts';
import { OwnData } from '../support/own-data.ts';
import { askAccounts } from '../support/queries/account-queries.ts';
import { askAdmin } from '../support/queries/admin-queries.ts';
import { askArchives } from '../support/queries/archive-queries.ts';
import { askFolders } from '../support/queries/folder-queries.ts';
import { askGrants } from '../support/queries/grant-queries.ts';
import { type IndexSite, openIndexSite } from '../support/queries/index-site.ts';
import { askLimits } from '../support/queries/limit-queries.ts';
import { askLinks } from '../support/queries/link-queries.ts';
import { askListFacts, askLists, askSearches, FILTERS } from '../support/queries/list-queries.ts';
import { askLive } from '../support/queries/live-queries.ts';
import { askProcessing } from '../support/queries/processing-queries.ts';
import type { QueryPlans } from '../support/queries/query-plans.ts';
import { askSearch } from '../support/queries/search-queries.ts';
import { askVersions } from '../support/queries/version-queries.ts';
import { askWebhooks } from '../support/queries/webhook-queries.ts';

const PASSWORD = 'correct horse';
// Indexes that keep a promise by being there, whoever asks: `file_name` makes the names unique, `ttl` and `expiry` remove what is old.
const NEEDS_NO_QUERY = ['_id_', 'file_name', 'ttl', 'expiry'];
// Only a scanner asks by these: test/services/scanning/quarantine-indexes.test.ts shows that it does.
const OF_SCANS = ['by_scanner', 'quarantined_content', 'unshared_content', 'untold_verdicts'];

let site: IndexSite;
let database: TestDatabase;
let wired: Wired;
let viewer: Viewer;
let plans: QueryPlans;
let upload: IndexSite['upload'];

beforeAll(async () => {
  site = await openIndexSite();
  ({ database, wired, viewer, plans, upload } = site);
});
afterAll(() => site.close());

describe('Every list is answered by an index, without a sort', () => {
  const named = FILTERS.map((filter) => ({ filter, name: JSON.stringify(filter) }));

  it.each(named)('with $name', async ({ filter }) => {
    for (const order of ORDERS) {
      const commands = await site.plans.expectIndexed(() => askLists(site, filter, order));
      expect(commands.length).toBeGreaterThan(4);
    }
  });

  it.each(named)('with $name and a search, which alone may sort', async ({ filter }) => {
    for (const order of ORDERS) {
      const work = () => askSearches(site, filter, order);
      // Of two words the rarer one is asked for first.
      expect((await site.plans.expectIndexed(work, { maySort: true })).length).toBeGreaterThan(4);
    }
  });

  it('as are searches by relevance, and what contents are looked into by', async () => {
    await plans.expectIndexed(() => askSearch(wired, database.collections, viewer), { maySort: true });
  });

  it('as are the tags, the statistics and the counts', async () => {
    expect(await site.plans.expectIndexed(() => askListFacts(site))).toHaveLength(4);
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

  it('of the versions and the copies', () =>
    plans.expectIndexed(() => askVersions(wired, database.collections, viewer)));

  it('of the administrators and the audit trail', () =>
    plans.expectIndexed(() => askAdmin(wired, database.collections, viewer)));

  it('of the processing of contents', async () => {
    const file = await upload('processed');
    await plans.expectIndexed(() => askProcessing(wired, database.collections, file));
  });

  it('of the folders and the files in them', () =>
    plans.expectIndexed(() => askFolders(wired, database.collections, viewer)));

  it('of the subscriptions', () => plans.expectIndexed(() => askLive(wired, database.collections, viewer)));

  it('of the rate limits', () => plans.expectIndexed(() => askLimits(database, viewer.userId)));

  it('of what people share with people', () =>
    plans.expectIndexed(() => askGrants(wired, database.collections, viewer)));

  it('of many files at once, archives and upload requests', async () => {
    const file = await upload('archived');
    await plans.expectIndexed(() => askArchives(wired, database.collections, viewer, file.id));
  });

  it('of share links', async () => {
    const file = await upload('linked');
    await plans.expectIndexed(() => askLinks(wired, database.collections, viewer, file));
  });

  it('of webhooks', () => plans.expectIndexed(() => askWebhooks(wired, database.collections, viewer)));

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
    await leaveOfEachKind(database.collections, { upload, userId: viewer.userId, folder: site.folder });
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
