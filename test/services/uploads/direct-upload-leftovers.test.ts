import { Readable } from 'node:stream';
import mongoose from 'mongoose';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type DirectStore, newBlobKey } from '../../../src/blobs/blob-store.ts';
import type { UploadNode } from '../../support/nodes/upload-node.ts';
import { CONTENT, FILE, NOTHING, TicketBench } from '../../support/sent-tickets.ts';

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

const dies = () => Promise.reject(new Error('killed'));
const never = new AbortController().signal;

const CRASHES: [string, (services: UploadNode) => void, 'nothing' | 'file'][] = [
  ['before the bytes are stored', () => vi.spyOn(bench.store, 'put').mockImplementation(dies), 'nothing'],
  [
    'after the bytes, before the blob',
    ({ references }) => vi.spyOn(references, 'acquire').mockImplementation(dies),
    'nothing',
  ],
  [
    'after the blob, before the file is complete',
    ({ records }) => vi.spyOn(records, 'complete').mockImplementation(dies),
    'nothing',
  ],
  [
    'after the file is complete, before anything is settled or tidied',
    ({ usage, references, undo }) => {
      for (const ledger of [usage, references.ledger]) vi.spyOn(ledger, 'settleSoon').mockReturnValue();
      vi.spyOn(undo, 'tidy').mockResolvedValue(false);
    },
    'file',
  ],
];

test.each(CRASHES)('a completion killed %s is tidied exactly by the sweep', async (_when, kill, left) => {
  const dying = bench.node();
  const id = await bench.sent(dying);
  vi.spyOn(dying.undo, 'undo').mockResolvedValue(false);
  vi.spyOn(dying.undo, 'reopen').mockResolvedValue(false);
  kill(dying);
  await dying.directUploads.complete(bench.viewer, id, null, never).catch(() => undefined);
  vi.restoreAllMocks();
  await bench.node(0).sweep.step('uploads');
  await bench.expire(id);
  await bench.node().sweep.run();
  expect(await bench.held()).toEqual(left === 'file' ? FILE : NOTHING);
});

/** The store as one whose provider clients send to themselves. */
const direct = (): DirectStore =>
  Object.assign(bench.store, {
    downloadUrl: async (key: string) => `https://provider.test/${key}`,
    uploadAddress: async (key: string) => ({
      method: 'PUT' as const,
      url: `https://provider.test/${key}`,
      headers: { 'x-provider': 'yes' },
    }),
  });

test.each<[string, (services: UploadNode, id: string) => Promise<unknown>, object]>([
  [
    'completed',
    ({ directUploads }, id) => directUploads.complete(bench.viewer, id, null, never),
    { files: ['COMPLETED'], usedBytes: 3_500 },
  ],
  ['cancelled', ({ directUploads }, id) => directUploads.cancel(bench.viewer, id), { usedBytes: 0 }],
  [
    'completed and removed',
    async ({ directUploads, purge }, id) => {
      await directUploads.complete(bench.viewer, id, null, never);
      await purge.purge(new mongoose.Types.ObjectId(id));
    },
    { usedBytes: 0 },
  ],
])('what is sent to the provider under a ticket that was %s is deleted', async (_how, end, left) => {
  direct();
  const services = bench.node(0);
  const id = await bench.sent(services);
  const keys = (await Array.fromAsync(bench.store.list('incoming/'))).map(({ key }) => key);
  await end(services, id);
  await services.uploads.idle();
  expect(await bench.held()).toMatchObject({ incoming: 0, claims: 0, ...left });
  await bench.store.put(keys[0] ?? newBlobKey('incoming'), Readable.from([CONTENT]));
  await services.sweep.run();
  // The address still works, so it is no use yet.
  expect((await bench.held()).incoming).toBe(1);
  await bench.expire(id);
  await bench.node().sweep.run();
  expect(await bench.held()).toEqual('files' in left ? FILE : NOTHING);
});

test('a provider that clients reach themselves is what their ticket names', async () => {
  direct();
  const { parts } = await bench
    .node()
    .directUploads.create(bench.viewer, { originalName: 'a', fileSize: 2_500 });
  expect(parts).toMatchObject([
    { number: 1, start: 0, size: 1_000, headers: { 'x-provider': 'yes' } },
    { number: 2, start: 1_000, size: 1_000 },
    { number: 3, start: 2_000, size: 500 },
  ]);
  expect(parts.every(({ url }) => url.startsWith('https://provider.test/incoming/'))).toBe(true);
});
