import { afterAll, beforeAll, expect, test } from 'vitest';
import { ObjectId } from '../../../src/models/object-id.ts';
import { Ledger } from '../../../src/services/ledger.ts';
import { quotaRoom, Reservation } from '../../../src/services/quota.ts';
import { openTestDatabase } from '../../support/database.ts';

const MIB = 1024 * 1024;
let database: Awaited<ReturnType<typeof openTestDatabase>>;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

async function account(quotaBytes: number | null) {
  const { users } = database.collections;
  const _id = new ObjectId();
  const name = _id.toHexString();
  await users.collection.insertOne({
    _id,
    username: name,
    email: name,
    isActive: true,
    usedBytes: 0,
    quotaBytes,
  } as never);
  const ledger = new Ledger(users.collection as never, 'usedBytes', { room: quotaRoom });
  return {
    reservation: () => new Reservation(ledger, _id, new ObjectId()),
    used: async () => (await users.findById(_id, { usedBytes: 1 }).lean())?.usedBytes,
  };
}

test('uploads side by side do not refuse each other what both of them need', async () => {
  const { reservation, used } = await account(40 * MIB);
  await reservation().cover(15 * MIB, 32 * MIB);
  await reservation().cover(15 * MIB, 32 * MIB);
  expect(await used()).toBe(30 * MIB);
  await expect(reservation().cover(15 * MIB, 32 * MIB)).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED' });
});

test('a reservation runs ahead where the quota has plenty, and then covers what comes', async () => {
  const { reservation, used } = await account(null);
  const ahead = reservation();
  await ahead.cover(1 * MIB, 32 * MIB);
  expect(ahead.covers(33 * MIB)).toBe(true);
  expect(await used()).toBe(33 * MIB);
});

test('a quota is filled to its last byte and not one further', async () => {
  const { reservation, used } = await account(1000);
  await reservation().cover(1000, 32 * MIB);
  await expect(reservation().cover(1)).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED' });
  expect(await used()).toBe(1000);
});
