import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keyIn, newBlobKey } from '../../../src/blobs/blob-store.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { mergeSorted } from '../../../src/services/check/sorted-merge.ts';
import { placesAt } from '../../../src/services/check/stored-places.ts';
import { putObject } from '../../support/nodes/check-node.ts';
import { CheckStage } from '../../support/nodes/check-stage.ts';

const MANY = 30_000;

let stage: CheckStage;
beforeEach(async () => {
  stage = await CheckStage.open();
});
afterEach(() => stage.close());

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const keyed = async function* (keys: readonly string[]) {
  for (const key of keys) yield { key };
};

test('each key of either stream comes once, with all that both say of it', async () => {
  const merged = await Array.fromAsync(mergeSorted(keyed(['a', 'a', 'c']), keyed(['b', 'c', 'd'])));
  expect(merged.map(({ key, left, right }) => [key, left.length, right.length])).toEqual([
    ['a', 2, 0],
    ['b', 0, 1],
    ['c', 1, 1],
    ['d', 0, 1],
  ]);
});

test('a stream that is not in order ends it', async () => {
  await expect(Array.fromAsync(mergeSorted(keyed(['b', 'a']), keyed(['b'])))).rejects.toThrow('not in order');
  await expect(Array.fromAsync(mergeSorted(keyed([]), keyed(['a', 'c', 'b'])))).rejects.toThrow(
    'not in order',
  );
});

test('both streams are ended when whoever asks leaves', async () => {
  const ended: string[] = [];
  const endless = async function* (name: string) {
    try {
      for (let i = 0; ; i += 1) yield { key: String(i).padStart(9, '0') };
    } finally {
      ended.push(name);
    }
  };
  for await (const { key } of mergeSorted(endless('left'), endless('right'))) if (key > '000000003') break;
  expect(ended.sort()).toEqual(['left', 'right']);
});

test('the database names objects in the very order in which a store lists them', async () => {
  const keys = Array.from({ length: 500 }, (_, i) => (i % 2 ? newBlobKey() : letters(i)));
  for (const key of keys) await putObject(stage.local, key, 'x');
  await insertBlobs(keys);
  const listed = (await Array.fromAsync(stage.local.list())).map(({ key }) => key);
  const named = (await Array.fromAsync(placesAt(stage.collections, 'local', null))).map(({ key }) => key);
  expect(named).toEqual(listed);
  expect(named).toHaveLength(500);
});

test('many thousands of names pass in memory that does not grow with them', async () => {
  await insertBlobs(Array.from({ length: MANY }, () => newBlobKey()));
  const measure = () => {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const before = measure();
  let [count, highest] = [0, 0];
  for await (const { left } of mergeSorted(placesAt(stage.collections, 'local', null), keyed([]))) {
    count += left.length;
    if (count % 10_000 === 0) highest = Math.max(highest, measure() - before);
  }
  expect(count).toBe(MANY);
  // All names at once would take some 15 MB; a batch of them takes half of one.
  expect(highest).toBeLessThan(8_000_000);
});

test('a cursor that the server has forgotten meanwhile is taken up where it was', async () => {
  const keys = Array.from({ length: 5_000 }, () => newBlobKey()).sort();
  await insertBlobs(keys);
  const cursors = new Map<string, unknown>();
  stage.database.connection.getClient().on('commandSucceeded', ({ reply }) => {
    const id = (reply as { cursor?: { id: unknown } }).cursor?.id;
    if (id && String(id) !== '0') cursors.set(String(id), id);
  });
  const seen: string[] = [];
  for await (const { key } of placesAt(stage.collections, 'local', null)) {
    seen.push(key);
    if (seen.length !== 1_500) continue;
    const killed = await stage.database.connection.db?.command({
      killCursors: 'blobs',
      cursors: [...cursors.values()],
    });
    expect(killed?.cursorsKilled).toHaveLength(1);
  }
  expect(seen).toEqual(keys);
});

test('what lies in an area is named by itself', async () => {
  const part = newBlobKey('incoming');
  const direct = { provider: 'local', keys: [part] };
  const { files } = stage.collections;
  await files.collection.insertOne({ fileName: 'a', direct, heartbeatAt: new Date() } as never);
  await insertBlobs([keyIn(null, part)]);
  const named = async (area: 'incoming' | null) =>
    (await Array.fromAsync(placesAt(stage.collections, 'local', area))).map(({ key }) => key);
  expect(await named('incoming')).toEqual([part]);
  expect(await named(null)).toEqual([keyIn(null, part)]);
});

const letters = (i: number) =>
  BigInt(`0x${createHash('md5').update(String(i)).digest('hex')}`)
    .toString(36)
    .padStart(32, 'z');

async function insertBlobs(keys: readonly string[]): Promise<void> {
  const now = new Date();
  const documents = keys.map((key) => ({
    ...{ _id: new ObjectId(), hash: key.padEnd(64, '0'), size: 1, provider: 'local', key },
    ...{ location: stage.local.location, refCount: 1, live: true, createdAt: now, updatedAt: now },
  }));
  await stage.collections.blobs.collection.insertMany(documents as never);
}
