import { afterEach, beforeEach, expect, test } from 'vitest';
import { newBlobKey } from '../../../src/blobs/blob-store.ts';
import { Stores } from '../../../src/blobs/stores.ts';
import type { Blob } from '../../../src/models/blob.ts';
import { Mortal } from '../../support/mortal.ts';
import { checkNode, putObject, readObject } from '../../support/nodes/check-node.ts';
import { CheckStage, replicaOf } from '../../support/nodes/check-stage.ts';
import { overwrite } from '../../support/nodes/copy-node.ts';

const MOST_STEPS = 30;

let stage: CheckStage;
beforeEach(async () => {
  stage = await CheckStage.open();
});
afterEach(() => stage.close());

/** A repair by a process that dies at its n-th write; true when it did not live to the end. */
async function dyingRepair(diesAt: number, when: 'before' | 'after'): Promise<boolean> {
  const mortal = new Mortal(diesAt, when);
  const { blobs, files, users } = stage.collections;
  const writes = ['updateOne', 'updateMany', 'findOneAndUpdate', 'deleteOne', 'insertOne'];
  const grip = (target: typeof blobs | typeof files) => {
    const collection = mortal.grip(target.collection, writes);
    const model = new Proxy(target, {
      get(_target, name) {
        if (name === 'collection') return collection;
        const value = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        if (!writes.includes(String(name))) return value.bind(target);
        // A query of the model is a step once it is awaited.
        return (...given: unknown[]) => stepOf(mortal, () => value.apply(target, given));
      },
    });
    return model;
  };
  const gripped = { ...stage.collections, blobs: grip(blobs), files: grip(files), users };
  const stores = [stage.local, stage.other].map((store) => mortal.grip(store, ['put', 'delete']));
  const node = checkNode(gripped as never, new Stores(stores as never, stage.backup));
  await node.run({ repair: true, deep: true }).catch(() => undefined);
  return mortal.isDead;
}

function stepOf(mortal: Mortal, query: () => unknown): unknown {
  const run = mortal.grip({ run: async (wrap: (query: unknown) => Promise<unknown>) => wrap(query()) }, [
    'run',
  ]);
  const result = (wrap: (query: never) => Promise<unknown>) => run.run(wrap as never);
  return {
    lean: () => result((q: { lean(): Promise<unknown> }) => q.lean() as never),
    // biome-ignore lint/suspicious/noThenProperty: as a query of mongoose has it.
    then: (done: (value: unknown) => unknown, failed: (error: unknown) => unknown) =>
      result(async (q) => await q).then(done, failed),
  };
}

type Wrong = [what: string, make: () => Promise<Blob>, keepsContent: boolean];
const CASES: Wrong[] = [
  [
    'a first copy that is missing',
    async () => {
      const blob = await stage.storeTwice();
      await stage.local.delete(blob.key);
      return blob;
    },
    true,
  ],
  [
    'a first copy that is wrong',
    async () => {
      const blob = await stage.storeTwice();
      await overwrite(stage.local, blob.key, Buffer.from('jello'));
      return blob;
    },
    true,
  ],
  [
    'a second copy that is missing',
    async () => {
      const blob = await stage.storeTwice();
      await stage.other.delete(replicaOf(blob));
      return blob;
    },
    true,
  ],
  [
    'a content that is lost, and is given back then',
    async () => {
      const blob = await stage.store();
      await putObject(stage.other, blob.key, 'hello');
      await stage.local.delete(blob.key);
      return blob;
    },
    false,
  ],
  [
    'an object without a name',
    async () => {
      const blob = await stage.store();
      await putObject(stage.local, keyOfOrphan, 'nobody’s');
      return blob;
    },
    true,
  ],
];
const keyOfOrphan = newBlobKey();

test.each(CASES)(
  'a repair of %s may be killed at any of its writes: the next one finishes it',
  async (_what, make, keeps) => {
    for (const when of ['before', 'after'] as const) {
      let deaths = 0;
      for (let step = 1; step <= MOST_STEPS; step += 1) {
        await clear();
        const blob = await make();
        if (!(await dyingRepair(step, when))) break;
        deaths += 1;
        await stage.collections.leases.deleteMany();
        if (!keeps) {
          await stage.node(null).run({ repair: true });
          expect(await stage.fileOf(blob)).toMatchObject({ uploadStatus: 'FAILED' });
          await putObject(stage.local, blob.key, 'hello');
        }
        await stage.node().run({ repair: true, deep: true });
        await stage.copying().work();
        expect((await stage.node().run({ deep: true })).brief).toEqual([]);
        const now = await stage.now(blob);
        expect(now).not.toHaveProperty('lostAt');
        expect(await readObject(stage.local, now.key)).toBe('hello');
        expect(await stage.fileOf(blob)).toMatchObject({ uploadStatus: 'COMPLETED' });
      }
      expect(deaths).toBeGreaterThan(0);
      expect(deaths).toBeLessThan(MOST_STEPS);
    }
  },
);

async function clear(): Promise<void> {
  const { blobs, files, leases } = stage.collections;
  for (const model of [blobs, files, leases]) await model.deleteMany();
  for (const store of [stage.local, stage.other]) {
    for (const area of ['', 'lost-found/']) {
      for await (const { key } of store.list(area)) await store.delete(key);
    }
  }
}
