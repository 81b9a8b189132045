import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ObjectId } from '../../../src/models/object-id.ts';
import { LinkDeliveries } from '../../../src/services/sharing/links/link-deliveries.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';

const SIZE = 1_000;
const GONE = { code: 'GONE' };
let database: TestDatabase;
let deliveries: LinkDeliveries;
let link: ObjectId;

beforeAll(async () => {
  database = await openTestDatabase();
  deliveries = new LinkDeliveries(database.collections);
});
afterAll(() => database.close());
beforeEach(async () => {
  link = await made(2);
});

async function made(maxDownloads: number | null): Promise<ObjectId> {
  const { insertedId } = await database.collections.shares.collection.insertOne({
    ...{ tokenHash: new ObjectId().toHexString(), maxDownloads, downloads: 0, revokedAt: null },
  } as never);
  return insertedId;
}

const thing = new ObjectId();
const begin = (client = 'one', length?: number) =>
  deliveries.begin({ link: { _id: link }, thing, size: SIZE, client }, length);
const document = () => database.collections.shares.findById(link).lean();
const counted = async () => (await document())?.downloads;

it('counts exactly what a link allows, of many tries at once by one client and by many', async () => {
  link = await made(10);
  const tries = Array.from({ length: 60 }, (_, i) => begin(i % 2 ? 'one' : `client ${i}`));
  const outcomes = await Promise.allSettled(tries);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
  for (const outcome of outcomes)
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject(GONE);
  expect(await counted()).toBe(10);
});

it('goes on with a download by ranges without counting again, up to twice the file', async () => {
  await (await begin()).ended(400, false);
  for (let start = 400; start < SIZE; start += 200) {
    const piece = await begin('one', 200);
    await piece.ended(200, true);
    expect(piece.isNew).toBe(false);
  }
  await (await begin('one', SIZE)).ended(SIZE, true);
  expect(await counted()).toBe(1);
  expect((await begin('one', 1)).isNew).toBe(true);
  await expect(begin('another', 1)).rejects.toMatchObject(GONE);
});

it('lets no number of ranges at once bring more than twice the file for one count', async () => {
  link = await made(1);
  await begin();
  const ranges = await Promise.allSettled(Array.from({ length: 20 }, () => begin('one', 500)));
  expect(ranges.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
});

it('counts a range of somebody who has no download to go on with', async () => {
  expect((await begin('one', SIZE - 1)).isNew).toBe(true);
  expect(await counted()).toBe(1);
});

it('gives a download back of which not a byte was handed over, unless a range went on with it', async () => {
  link = await made(1);
  await (await begin()).ended(0, false);
  expect([await counted(), (await document())?.goneAfter]).toEqual([0, undefined]);

  const stalled = await begin();
  const piece = await begin('one', SIZE);
  await piece.ended(SIZE, true);
  await stalled.ended(0, false);
  expect(await counted()).toBe(1);
  await expect(begin()).rejects.toMatchObject(GONE);
});

it('counts a file without a byte, and marks a link that is used up to be removed after 30 days', async () => {
  link = await made(1);
  await (await begin()).ended(0, true);
  expect(await counted()).toBe(1);
  const days = (((await document())?.goneAfter?.getTime() ?? 0) - Date.now()) / 86_400_000;
  expect(days).toBeCloseTo(30, 2);
});
