import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import { commandsOf, explain } from '../../support/commands.ts';
import { put, type UploadNode } from '../../support/nodes/upload-node.ts';
import { CONTENT, FILE, NOTHING, TICKET, TicketBench } from '../../support/sent-tickets.ts';

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

test('the parts of a ticket become one file, and nothing else is left', async () => {
  const services = bench.node();
  const id = await bench.sent(services);
  expect(await bench.held()).toEqual(TICKET);
  const file = await services.directUploads.complete(bench.viewer, id, [1, 2, 3, 4], never);
  await services.uploads.idle();
  expect(file).toMatchObject({ id, fileSize: 3_500, uploadStatus: 'COMPLETED' });
  expect(await bench.held()).toEqual(FILE);
  const stored = await bench.database.collections.files.findById(id).select('+direct +heartbeatAt').lean();
  expect(stored).not.toHaveProperty('direct');
  expect(stored).not.toHaveProperty('heartbeatAt');
});

test('an equal content is stored once, whichever way it comes', async () => {
  const services = bench.node();
  await put(services, bench.viewer, CONTENT.toString());
  await services.directUploads.complete(bench.viewer, await bench.sent(services), null, never);
  await services.uploads.idle();
  expect(await bench.held()).toEqual({
    ...FILE,
    usedBytes: 7_000,
    files: ['COMPLETED', 'COMPLETED'],
    refCounts: [2],
  });
});

const unavailable = () => Promise.reject(new AppError('STORAGE_UNAVAILABLE', 'The store is away.'));

test.each<[string, (services: UploadNode) => void]>([
  [
    'the store does not answer at the first look',
    () => vi.spyOn(bench.store, 'stat').mockImplementation(unavailable),
  ],
  ['a part cannot be read', () => vi.spyOn(bench.store, 'open').mockImplementation(unavailable)],
  ['the blob cannot be written', () => vi.spyOn(bench.store, 'put').mockImplementation(unavailable)],
  [
    'the blob cannot be referred to',
    ({ references }) => vi.spyOn(references, 'acquire').mockImplementation(dies),
  ],
  ['the document cannot be written', ({ records }) => vi.spyOn(records, 'complete').mockImplementation(dies)],
])('a ticket stays open, with its parts and its quota, when %s', async (_what, breaks) => {
  const services = bench.node();
  const id = await bench.sent(services);
  breaks(services);
  await expect(services.directUploads.complete(bench.viewer, id, null, never)).rejects.toThrow();
  vi.restoreAllMocks();
  await bench.node().sweep.step('claims');
  await bench.node().sweep.step('blobs');
  expect(await bench.held()).toEqual(TICKET);
  await services.directUploads.complete(bench.viewer, id, null, never);
  await services.uploads.idle();
  expect(await bench.held()).toEqual(FILE);
});

test('a ticket stays open when the client goes away, and when the service stops, while it is being completed', async () => {
  const services = bench.node();
  const id = await bench.sent(services);
  const leaving = new AbortController();
  const open = bench.store.open.bind(bench.store);
  vi.spyOn(bench.store, 'open').mockImplementation((key) => {
    leaving.abort(new AppError('BAD_USER_INPUT', 'The client went away.'));
    return open(key);
  });
  await expect(services.directUploads.complete(bench.viewer, id, null, leaving.signal)).rejects.toThrow(
    'away',
  );
  expect(await bench.held()).toEqual(TICKET);
  vi.mocked(bench.store.open).mockImplementation((key) => {
    services.directUploads.stop();
    return open(key);
  });
  await expect(services.directUploads.complete(bench.viewer, id, null, never)).rejects.toMatchObject({
    code: 'STORAGE_UNAVAILABLE',
  });
  expect(await bench.held()).toEqual(TICKET);
});

test.each<[string, object, string]>([
  ['another hash than announced', { sha256: '0'.repeat(64) }, 'HASH_MISMATCH'],
  ['fewer bytes than announced', { fileSize: 3_600 }, 'BAD_USER_INPUT'],
])('a content of %s is refused', async (_what, facts, code) => {
  const services = bench.node();
  const id = await bench.sent(services, facts);
  await expect(services.directUploads.complete(bench.viewer, id, null, never)).rejects.toMatchObject({
    code,
  });
  // What can still be put right stays; what cannot is gone at once.
  expect((await bench.held()).files).toEqual(code === 'HASH_MISMATCH' ? [] : ['PENDING']);
  await bench.expire(id);
  await services.sweep.run();
  expect(await bench.held()).toEqual(NOTHING);
});

test('a part that grows between the look and the reading ends the upload, and nothing is left', async () => {
  const services = bench.node();
  const id = await bench.sent(services);
  const stat = bench.store.stat.bind(bench.store);
  vi.spyOn(bench.store, 'stat').mockImplementation(async (key) => {
    const entry = await stat(key);
    await bench.store.delete(key);
    await bench.store.put(key, Readable.from([Buffer.alloc(40_000)]));
    return entry;
  });
  const completing = services.directUploads.complete(bench.viewer, id, null, never);
  await expect(completing).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  expect(await bench.held()).toEqual(NOTHING);
});

test('a ticket that is not completed in time leaves nothing', async () => {
  const services = bench.node(0);
  const id = await bench.sent(services);
  await services.sweep.run();
  expect(await bench.held()).toEqual(TICKET);
  await bench.expire(id);
  await expect(services.directUploads.complete(bench.viewer, id, null, never)).rejects.toMatchObject({
    code: 'GONE',
  });
  await services.sweep.run();
  expect(await bench.held()).toEqual(NOTHING);
});

test('an account has at most 100 open tickets, however many it asks for at once', async () => {
  const { directUploads } = bench.node();
  const announced = { originalName: 'a', fileSize: 1 };
  const asked = await Promise.allSettled(
    Array.from({ length: 130 }, () => directUploads.create(bench.viewer, announced)),
  );
  const refused = asked.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []));
  expect(refused).toEqual(Array.from({ length: 30 }, () => 'RATE_LIMITED'));
  const [first] = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value.id] : []));
  await directUploads.cancel(bench.viewer, `${first}`);
  await directUploads.create(bench.viewer, announced);
  expect((await bench.held()).usedBytes).toBe(100);
});

test('every query about tickets is answered by an index', async () => {
  const { directUploads, partUploads } = bench.node();
  const announced = { originalName: 'a', fileSize: 0 };
  const { connection } = bench.database;
  const commands = await commandsOf(connection, async () => {
    const { id, parts } = await directUploads.create(bench.viewer, announced);
    const link = Object.fromEntries(new URL(`${parts[0]?.url}`).searchParams);
    await partUploads.put(await partUploads.admit(id, '1', link, 0), Readable.from([]));
    await directUploads.complete(bench.viewer, id, null, never);
    await directUploads.complete(bench.viewer, id, null, never);
    const other = await directUploads.create(bench.viewer, announced);
    await directUploads.complete(bench.viewer, other.id, null, never).catch(() => undefined);
    await directUploads.cancel(bench.viewer, other.id);
  });
  expect(commands.length).toBeGreaterThan(10);
  for (const command of commands) {
    for (const { stages } of await explain(connection, command)) {
      expect([...stages], JSON.stringify(command)).not.toContain('COLLSCAN');
    }
  }
});
