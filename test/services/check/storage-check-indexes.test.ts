import { expect, test } from 'vitest';
import { newBlobKey } from '../../../src/blobs/blob-store.ts';
import { commandsOf, explain } from '../../support/commands.ts';
import { putObject } from '../../support/nodes/check-node.ts';
import { CheckStage } from '../../support/nodes/check-stage.ts';

test('beside its passes over everything, a check asks only what an index answers', async () => {
  const stage = await CheckStage.open();
  const [miscounted, misplaced, missing] = await Promise.all([
    stage.store(Buffer.from('miscounted')),
    stage.store(Buffer.from('misplaced')),
    stage.store(Buffer.from('missing')),
  ]);
  await stage.setBlob(miscounted, { $inc: { refCount: 1 } });
  await stage.setFile(misplaced, { $set: { storageLocation: 'elsewhere' } });
  await stage.local.delete(missing.key);
  await stage.collections.users.updateOne({ _id: stage.userId }, { $inc: { usedBytes: 1 } });
  await putObject(stage.local, newBlobKey(), 'nobody’s');
  await putObject(stage.local, newBlobKey('incoming'), 'nobody’s');

  let found: string[] = [];
  const commands = await commandsOf(stage.database.connection, async () => {
    found = (await stage.node().run({ repair: true, deep: true })).brief;
  });
  expect(found).toHaveLength(6);
  // Only what goes over everything, once, may use the disk of the database.
  const single = commands.filter(({ allowDiskUse }) => !allowDiskUse);
  const wrong: string[] = [];
  for (const command of single) {
    for (const { stages } of await explain(stage.database.connection, command)) {
      if (stages.has('COLLSCAN') || stages.has('SORT')) wrong.push(JSON.stringify(command));
    }
  }
  expect(wrong).toEqual([]);
  expect(single.length).toBeGreaterThan(10);
  expect(commands.length - single.length).toBeLessThan(8);
  await stage.close();
});
