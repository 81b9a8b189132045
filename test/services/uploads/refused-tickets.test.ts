import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { PartLinks } from '../../../src/services/uploads/part-links.ts';
import { TicketBench } from '../../support/sent-tickets.ts';

let bench: TicketBench;

beforeAll(async () => {
  bench = await TicketBench.open();
});
afterAll(() => bench.database.close());
beforeEach(() => bench.fill());
afterEach(async () => {
  vi.restoreAllMocks();
  await bench.empty();
});

test('an upload that the quota cannot hold is refused before any address of it is signed', async () => {
  const { directUploads } = bench.node();
  for (let i = 0; i < 2; i += 1) {
    await directUploads.create(bench.viewer, { originalName: 'a', fileSize: 50_000 });
  }
  const signing = vi.spyOn(PartLinks.prototype, 'partUrl');
  const refused = directUploads.create(bench.viewer, { originalName: 'a', fileSize: 1 });
  await expect(refused).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED' });
  expect(signing).not.toHaveBeenCalled();
  expect(await bench.held()).toMatchObject({ usedBytes: 100_000, claims: 2 });
});

test('one ticket more than an account may have is refused before any address of it is signed', async () => {
  const { directUploads } = bench.node();
  const announced = { originalName: 'a', fileSize: 1 };
  for (let i = 0; i < 100; i += 1) await directUploads.create(bench.viewer, announced);
  const signing = vi.spyOn(PartLinks.prototype, 'partUrl');
  const refused = directUploads.create(bench.viewer, announced);
  await expect(refused).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  expect(signing).not.toHaveBeenCalled();
});
