import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { Stores } from '../../../src/blobs/stores.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { Role } from '../../../src/models/user.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { checkNode, putObject } from '../../support/nodes/check-node.ts';
import { CheckStage } from '../../support/nodes/check-stage.ts';
import { put, uploadNode } from '../../support/nodes/upload-node.ts';

const NEVER_STALE_MS = 3_600_000;
const QUIET = { copied: () => undefined, moved: () => undefined, failed: () => undefined };

let stage: CheckStage;
let viewer: Viewer;
beforeEach(async () => {
  stage = await CheckStage.open();
  viewer = { userId: stage.userId, sessionId: new ObjectId(), role: Role.USER, isEmailVerified: false };
});
afterEach(() => stage.close());

function sparing(store: BlobStore): BlobStore {
  return new Proxy(store, {
    get(target, name) {
      const value = name === 'sweepUnfinished' ? async () => 0 : Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const stores = () => new Stores([stage.local, stage.other], stage.backup);

test('beside uploads, removals, moves, copies and sweeps nothing is found that is not so', async () => {
  const services = uploadNode(stage.database, stores(), NEVER_STALE_MS);
  const { moves } = stage.copying();
  const { signal } = new AbortController();
  let isDone = false;
  const traffic = async (worker: number) => {
    for (let i = 0; i < 50; i += 1) {
      const file = await put(services, viewer, i % 3 ? 'shared' : `of ${worker}, ${i}`);
      if (i % 2) await services.purge.purge(file._id);
    }
  };
  const keepers = async () => {
    for (let round = 1; !isDone; round += 1) {
      await services.sweep.run();
      await stage.copying().work();
      const [from, to] = round % 2 ? ['local', stage.backup] : [stage.backup, 'local'];
      await moves.move({ from, to }, { signal, observer: QUIET });
      await pause(5);
    }
  };
  const busy = Promise.all([1, 2, 3, 4].map(traffic)).then(() => {
    isDone = true;
  });
  const keeping = keepers();
  // For this check everything is old enough, but what the others are writing has to stay.
  const check = checkNode(stage.collections, [sparing(stage.local), sparing(stage.other)], stage.backup);
  let checks = 0;
  while (!isDone || checks < 3) {
    // Also a repair would do nothing.
    expect((await check.run({ deep: checks % 2 === 1, repair: true })).results).toEqual([]);
    checks += 1;
  }
  await Promise.all([busy, keeping]);
  await services.uploads.idle();
  expect((await stage.node().run({ deep: true })).results).toEqual([]);
});

test('an upload of a lost content brings it back for every file', async () => {
  const services = uploadNode(stage.database, stores(), NEVER_STALE_MS);
  const [first] = [await put(services, viewer, 'hello'), await put(services, viewer, 'hello')];
  await services.uploads.idle();
  const [blob] = await stage.collections.blobs.find().lean();
  await stage.local.delete(blob?.key ?? '');
  expect((await stage.node().run({ repair: true })).brief).toEqual(['missing lost']);
  const third = await put(services, viewer, 'hello');
  await services.uploads.idle();
  expect(third.blob).toEqual(first?.blob);
  const files = await stage.collections.files.find().lean();
  expect(files.map(({ uploadStatus }) => uploadStatus)).toEqual(['COMPLETED', 'COMPLETED', 'COMPLETED']);
  await stage.copying().work();
  expect((await stage.node().run({ deep: true })).results).toEqual([]);
});

test('also where the object came back first', async () => {
  const services = uploadNode(stage.database, stores(), NEVER_STALE_MS);
  await put(services, viewer, 'hello');
  await services.uploads.idle();
  const [blob] = await stage.collections.blobs.find().lean();
  await stage.local.delete(blob?.key ?? '');
  await stage.node().run({ repair: true });
  await putObject(stage.local, blob?.key ?? '', 'hello');
  await put(services, viewer, 'hello');
  await services.uploads.idle();
  expect(await stage.collections.files.countDocuments({ uploadStatus: 'COMPLETED' } as never)).toBe(2);
});

test('a lost file is undone by no sweep, counts for its owner, and goes after the retention of the trash', async () => {
  const services = uploadNode(stage.database, stores(), -60_000);
  await put(services, viewer, 'hello');
  await services.uploads.idle();
  const [blob] = await stage.collections.blobs.find().lean();
  await stage.local.delete(blob?.key ?? '');
  await stage.node().run({ repair: true });
  const { users, files, blobs } = stage.collections;
  const usedBytes = async () => (await users.findById(viewer.userId).lean())?.usedBytes;
  for (const step of ['uploads', 'purges', 'claims', 'blobs'] as const) await services.sweep.step(step);
  expect([await files.countDocuments(), await usedBytes()]).toEqual([1, 5]);
  await pause(5);
  expect(await services.sweep.step('trash')).toBe(1);
  await services.sweep.run();
  expect([await files.countDocuments(), await blobs.countDocuments(), await usedBytes()]).toEqual([0, 0, 0]);
  expect((await stage.node().run({ deep: true })).results).toEqual([]);
});

test('lost files of a deleted account go with it', async () => {
  const services = uploadNode(stage.database, stores(), -60_000);
  await put(services, viewer, 'hello');
  await services.uploads.idle();
  const [blob] = await stage.collections.blobs.find().lean();
  await stage.local.delete(blob?.key ?? '');
  await stage.node().run({ repair: true });
  await stage.collections.users.updateOne({ _id: viewer.userId }, { $set: { deletedAt: new Date() } });
  await services.sweep.step('accounts');
  expect(await stage.collections.files.countDocuments()).toBe(0);
});

test('a deleted account is remembered until what comes back to it has gone, too', async () => {
  const services = uploadNode(stage.database, stores(), -60_000);
  await put(services, viewer, 'hello');
  await services.uploads.idle();
  const { users, files } = stage.collections;
  // As when the content came back to its blob, and its files are yet to hear of it.
  await files.updateMany({}, { $set: { uploadStatus: 'FAILED', lostAt: new Date() } });
  await users.updateOne({ _id: viewer.userId }, { $set: { deletedAt: new Date() } });
  for (let i = 0; i < 2; i += 1) await services.sweep.step('accounts');
  expect(await files.countDocuments()).toBe(0);
  expect(await users.exists({ _id: viewer.userId })).toBeNull();
});

test('only one check runs at a time, and one that is stopped says so', async () => {
  await Promise.all(Array.from({ length: 20 }, (_, i) => stage.store(Buffer.from(`no ${i}`))));
  const runs = await Promise.all([stage.node().run({ deep: true }), stage.node().run({ deep: true })]);
  expect(runs.filter(({ summary }) => summary === null)).toHaveLength(1);
  const stopped = stage.node().run({ deep: true }, AbortSignal.abort(new Error('stopped')));
  await expect(stopped).rejects.toThrow('stopped');
});
