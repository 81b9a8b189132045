import mongoose from 'mongoose';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Ledger } from '../../../src/services/ledger.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';

const newId = () => new mongoose.Types.ObjectId();
type Id = ReturnType<typeof newId>;

let database: TestDatabase;
let ledger: Ledger;
let owner: Id;
let file: Id;

beforeAll(async () => {
  database = await openTestDatabase();
  // Owners without a limit have room for everything.
  const room = (amount: number) => ({
    $expr: { $lte: [{ $add: ['$count', amount] }, { $ifNull: ['$limit', 1_000] }] },
  });
  ledger = new Ledger(database.connection.collection('counted') as never, 'count', { room });
});
afterAll(() => database.close());
beforeEach(async () => {
  [owner, file] = [newId(), newId()];
  await database.connection.collection('counted').insertOne({ _id: owner, count: 100 });
});

async function state() {
  const found = await database.connection.collection('counted').findOne({ _id: owner });
  const amounts: number[] = (found?.claims ?? []).map((claim: { amount: number }) => claim.amount);
  return { count: found?.count, claims: amounts };
}

test('a claim counts at once, and once', async () => {
  expect(await ledger.claim(owner, file, 10)).toBe(true);
  expect(await ledger.claim(owner, file, 10)).toBe(false);
  expect(await state()).toEqual({ count: 110, claims: [10] });
});

const limit = (most: number) =>
  database.connection.collection('counted').updateOne({ _id: owner }, { $set: { limit: most } });

test('a claim there is no room for counts nothing', async () => {
  await limit(109);
  expect(await ledger.claim(owner, file, 10)).toBe(false);
  expect(await ledger.claim(newId(), file, 10)).toBe(false);
  expect(await state()).toEqual({ count: 100, claims: [] });
});

test('raising adds to the file’s own claim, and to none that is gone', async () => {
  await ledger.claim(owner, newId(), 1);
  await ledger.claim(owner, file, 10);
  expect(await ledger.raise(owner, file, 5)).toBe(true);
  await limit(120);
  expect(await ledger.raise(owner, file, 5)).toBe(false);
  expect(await state()).toEqual({ count: 116, claims: [1, 15] });
  await ledger.release(owner, file);
  expect(await ledger.raise(owner, file, 5)).toBe(false);
  expect(await state()).toEqual({ count: 101, claims: [1] });
});

test('settling keeps exactly what is named, however often', async () => {
  await ledger.claim(owner, file, 50);
  for (let i = 0; i < 3; i += 1) await ledger.settle(owner, file, 7);
  expect(await state()).toEqual({ count: 107, claims: [] });
});

test('releasing gives everything back, however often', async () => {
  await ledger.claim(owner, file, 50);
  await ledger.raise(owner, file, 5);
  for (let i = 0; i < 3; i += 1) await ledger.release(owner, file);
  expect(await state()).toEqual({ count: 100, claims: [] });
});

test('what was settled can be claimed again, without counting twice, and given back', async () => {
  for (let i = 0; i < 3; i += 1) await ledger.reclaim(owner, file, 30);
  expect(await state()).toEqual({ count: 100, claims: [30] });
  for (let i = 0; i < 3; i += 1) await ledger.release(owner, file);
  expect(await state()).toEqual({ count: 70, claims: [] });
});

test('claims that are settled soon all end, and change no count', async () => {
  const files = Array.from({ length: 20 }, newId);
  await Promise.all(files.map((each) => ledger.claim(owner, each, 1)));
  for (const each of files) ledger.settleSoon(owner, each);
  await ledger.settledAll();
  expect(await state()).toEqual({ count: 120, claims: [] });
});

test('a claim that removing its file has taken hold of is not settled any more', async () => {
  await ledger.claim(owner, file, 30);
  ledger.settleSoon(owner, file);
  await ledger.reclaim(owner, file, 30);
  await ledger.settledAll();
  await ledger.settle(owner, file, 7);
  expect(await state()).toEqual({ count: 130, claims: [30] });
  await ledger.release(owner, file);
  expect(await state()).toEqual({ count: 100, claims: [] });
});

test('a claim made by a removal that came too late goes without a change of the count', async () => {
  await ledger.reclaim(owner, file, 30);
  for (let i = 0; i < 2; i += 1) await ledger.withdraw(owner, file);
  expect(await state()).toEqual({ count: 100, claims: [] });
});

test('many claims at once never pass a limit', async () => {
  await limit(155);
  const claimed = await Promise.all(Array.from({ length: 30 }, () => ledger.claim(owner, newId(), 10)));
  expect(claimed.filter(Boolean)).toHaveLength(5);
  expect((await state()).count).toBe(150);
});

test('only claims older than asked for are stale', async () => {
  await ledger.claim(owner, file, 1);
  const found: string[] = [];
  for await (const { claim } of ledger.stale(new Date(Date.now() - 60_000))) found.push(String(claim.file));
  expect(found).toEqual([]);
  for await (const { owner: whose, claim } of ledger.stale(new Date(Date.now() + 60_000))) {
    if (whose.equals(owner)) found.push(String(claim.file));
  }
  expect(found).toEqual([String(file)]);
});
