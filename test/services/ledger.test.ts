import mongoose from 'mongoose';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Ledger } from '../../src/services/ledger.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';

const newId = () => new mongoose.Types.ObjectId();
type Id = ReturnType<typeof newId>;

let database: TestDatabase;
let ledger: Ledger;
let owner: Id;
let file: Id;

beforeAll(async () => {
  database = await openTestDatabase();
  ledger = new Ledger(database.connection.collection('counted') as never, 'count');
});
afterAll(() => database.close());
beforeEach(async () => {
  [owner, file] = [newId(), newId()];
  await database.connection.collection('counted').insertOne({ _id: owner, count: 100 });
});

async function state() {
  const found = await database.connection.collection('counted').findOne({ _id: owner });
  return { count: found?.count, claims: found?.claims?.map((claim: { amount: number }) => claim.amount) };
}

test('a claim counts at once, and once', async () => {
  expect(await ledger.claim(owner, file, 10)).toBe(true);
  expect(await ledger.claim(owner, file, 10)).toBe(false);
  expect(await state()).toEqual({ count: 110, claims: [10] });
});

test('a claim whose condition does not hold counts nothing', async () => {
  expect(await ledger.claim(owner, file, 10, { count: { $lt: 100 } } as never)).toBe(false);
  expect(await ledger.claim(newId(), file, 10)).toBe(false);
  expect(await state()).toEqual({ count: 100, claims: undefined });
});

test('raising adds to the file’s own claim, and to none that is gone', async () => {
  await ledger.claim(owner, newId(), 1);
  await ledger.claim(owner, file, 10);
  expect(await ledger.raise(owner, file, 5)).toBe(true);
  expect(await ledger.raise(owner, file, 5, { count: { $lt: 0 } } as never)).toBe(false);
  expect(await state()).toEqual({ count: 116, claims: [1, 15] });
  await ledger.release(owner, file);
  expect(await ledger.raise(owner, file, 5)).toBe(false);
  expect(await state()).toEqual({ count: 101, claims: [1] });
});

test('settling keeps exactly what is named, however often', async () => {
  await ledger.claim(owner, file, 50);
  for (let i = 0; i < 3; i += 1) await ledger.settle(owner, file, 7);
  expect(await state()).toEqual({ count: 107, claims: undefined });
});

test('releasing gives everything back, however often', async () => {
  await ledger.claim(owner, file, 50);
  await ledger.raise(owner, file, 5);
  for (let i = 0; i < 3; i += 1) await ledger.release(owner, file);
  expect(await state()).toEqual({ count: 100, claims: undefined });
});

test('what was settled can be claimed again, without counting twice, and given back', async () => {
  for (let i = 0; i < 3; i += 1) await ledger.reclaim(owner, file, 30);
  expect(await state()).toEqual({ count: 100, claims: [30] });
  for (let i = 0; i < 3; i += 1) await ledger.release(owner, file);
  expect(await state()).toEqual({ count: 70, claims: undefined });
});

test('claims that are settled soon all end, and change no count', async () => {
  const files = Array.from({ length: 20 }, newId);
  await Promise.all(files.map((each) => ledger.claim(owner, each, 1)));
  for (const each of files) ledger.settleSoon(owner, each);
  await ledger.settledAll();
  expect(await state()).toEqual({ count: 120, claims: undefined });
});

test('a claim that removing its file has taken hold of is not settled any more', async () => {
  await ledger.claim(owner, file, 30);
  ledger.settleSoon(owner, file);
  await ledger.reclaim(owner, file, 30);
  await ledger.settledAll();
  await ledger.settle(owner, file, 30);
  expect(await state()).toEqual({ count: 130, claims: [30] });
  await ledger.release(owner, file);
  expect(await state()).toEqual({ count: 100, claims: undefined });
});

test('many claims at once never pass a limit', async () => {
  const fits = { $expr: { $lte: [{ $add: ['$count', 10] }, 155] } };
  const claimed = await Promise.all(
    Array.from({ length: 30 }, () => ledger.claim(owner, newId(), 10, fits as never)),
  );
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
