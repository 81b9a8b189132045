import { afterAll, beforeAll, expect, it } from 'vitest';
import { ObjectId } from '../../../src/models/object-id.ts';
import { StorageReports } from '../../../src/services/admin/storage-report.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { fileOf, insert } from '../../support/listed-files.ts';
import { QueryPlans } from '../../support/queries/query-plans.ts';

let database: TestDatabase;
const ids = Array.from({ length: 12 }, () => new ObjectId());
const now = new Date();

beforeAll(async () => {
  database = await openTestDatabase();
  const { users, blobs, files } = database.collections;
  const accounts = ids.map((_id, i) => ({
    ...{ _id, username: `user_${i}`, email: `user_${i}`, usedBytes: i * 100, quotaBytes: i ? 5_000 : null },
    ...{ role: i < 2 ? 'ADMIN' : 'USER', isActive: i !== 1 },
  }));
  const gone = { username: 'gone', email: 'gone', usedBytes: 99_999, isActive: false, deletedAt: now };
  await users.collection.insertMany([...accounts, gone] as never);
  const blob = (key: string, provider: string, size: number, more = {}) =>
    ({ key, hash: key, provider, size, live: true, refCount: 1, ...more }) as never;
  await blobs.collection.insertMany([
    blob('1', 'local', 2 ** 40),
    blob('2', 'local', 5, { copyDueAt: now }),
    blob('3', 'aws', 7, { scanDueAt: now }),
  ]);
  const [owner] = ids as [ObjectId];
  await insert(database.collections, [
    ...Array.from({ length: 5 }, () => fileOf(owner, 'kept.txt')),
    ...Array.from({ length: 3 }, () => fileOf(owner, 'trash.txt', { isDeleted: true, deletedAt: now })),
  ]);
  const unfinished = (name: string, more: object) => ({
    ...fileOf(owner, name),
    uploadStatus: 'FAILED',
    ...more,
  });
  await files.collection.insertMany([
    unfinished('a', { uploadStatus: 'UPLOADING', heartbeatAt: now }),
    unfinished('b', { lostAt: now }),
    unfinished('c', { quarantinedAt: now }),
  ] as never);
});
afterAll(() => database.close());

it('A storage report sums up accounts, files and what each provider holds, and names the largest accounts', async () => {
  expect(await new StorageReports(database.collections).get()).toEqual({
    ...{ asOf: expect.any(Date), accounts: 12, activeAccounts: 11, administrators: 1 },
    ...{ files: 8, bytes: 6_600, trashedFiles: 3, unfinishedUploads: 1, lostFiles: 1, quarantinedFiles: 1 },
    ...{ contentsWaitingForCopies: 1, contentsWaitingForScan: 1 },
    storedByProvider: [
      { provider: 'aws', contents: 1, bytes: 7 },
      { provider: 'local', contents: 2, bytes: 2 ** 40 + 5 },
    ],
    largestAccounts: ids
      .map((userId, i) => ({ userId, usedBytes: i * 100, quotaBytes: i ? 5_000 : null }))
      .reverse()
      .slice(0, 10),
  });
});

it('A storage report is answered by indexes, without a sort', async () => {
  const plans = new QueryPlans(database.connection);
  const commands = await plans.expectIndexed(() => new StorageReports(database.collections).get());
  expect(commands.length).toBeGreaterThan(8);
  expect([...plans.used]).toEqual(expect.arrayContaining(['blobs.stored_bytes', 'users.administrators']));
});

it('A storage report of an empty service holds zeros', async () => {
  const empty = await openTestDatabase();
  const report = await new StorageReports(empty.collections).get();
  expect(report).toMatchObject({
    accounts: 0,
    files: 0,
    bytes: 0,
    storedByProvider: [],
    largestAccounts: [],
  });
  await empty.close();
});

it('A storage report is made once for all who ask within a minute, and anew after it', async () => {
  let time = 0;
  const reports = new StorageReports(database.collections, () => time);
  const [one, two] = await Promise.all([reports.get(), reports.get()]);
  expect(one).toBe(two);
  time = 59_999;
  expect(await reports.get()).toBe(one);
  time = 60_001;
  expect(await reports.get()).not.toBe(one);
});

it('A storage report that takes long is made the more seldom, and one that failed is tried again', async () => {
  let time = 0;
  const slow = new StorageReports(database.collections, () => {
    time += 30_000;
    return time;
  });
  const first = await slow.get();
  // It took 30 s by this clock, so that it holds for 600 s: twenty looks at the clock.
  for (let looks = 0; looks < 18; looks += 1) expect(await slow.get()).toBe(first);
  await slow.get();
  expect(await slow.get()).not.toBe(first);

  let broken = true;
  const { users, files, blobs } = database.collections;
  const failing = {
    ...{ users, files },
    get blobs() {
      if (broken) throw new Error('broken');
      return blobs;
    },
  };
  const reports = new StorageReports(failing);
  await expect(reports.get()).rejects.toThrow('broken');
  broken = false;
  expect((await reports.get()).accounts).toBe(12);
});
