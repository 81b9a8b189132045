import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type BlobStore, keyIn, newBlobKey } from '../../../src/blobs/blob-store.ts';
import { openStore, type ProviderName } from '../../../src/blobs/providers.ts';
import { readConfig } from '../../../src/config.ts';
import type { Backend } from '../../support/backend.ts';
import { newAzureContainer } from '../../support/backends/azure-container.ts';
import { newGcsBucket } from '../../support/backends/gcs-bucket.ts';
import { newS3Bucket } from '../../support/backends/s3-bucket.ts';
import { putObject, readObject } from '../../support/nodes/check-node.ts';
import { CheckStage, replicaOf } from '../../support/nodes/check-stage.ts';
import { overwrite } from '../../support/nodes/copy-node.ts';

const PROVIDERS: [ProviderName, () => Promise<Backend>][] = [
  ['aws', newS3Bucket],
  ['gcp', newGcsBucket],
  ['azure', newAzureContainer],
];

describe.each(PROVIDERS)('Where the second copies lie at %s', (provider, newBackend) => {
  let backend: Backend;
  let store: BlobStore;
  let stage: CheckStage;
  beforeAll(async () => {
    backend = await newBackend();
    store = await openStore(provider, readConfig({ ...backend.env, STORAGE_PROVIDER: provider }));
  });
  afterAll(() => store?.close());
  beforeEach(async () => {
    stage = await CheckStage.open(store);
  });
  afterEach(async () => {
    for (const area of ['', 'incoming/', 'lost-found/']) {
      for await (const { key } of store.list(area)) await store.delete(key);
    }
    await stage.close();
  });

  test('copies come back from it and to it, and are found to agree', async () => {
    const contents = Array.from({ length: 12 }, (_, i) => Buffer.from(`content ${i}`));
    const blobs = [];
    for (const content of contents) blobs.push(await stage.storeTwice(content));
    expect((await stage.node().run({ deep: true })).brief).toEqual([]);
    const [one, two, three, four] = blobs;
    if (!one || !two || !three || !four) throw new Error('There are too few.');
    await stage.local.delete(one.key);
    await store.delete(replicaOf(two));
    await overwrite(store, replicaOf(three), Buffer.from('content X'));
    await overwrite(store, replicaOf(four), Buffer.from('short'));
    const { found, repaired, after } = await stage.repairs({ deep: true });
    const kinds = ['missing', 'missing', 'wrong-hash', 'wrong-size'];
    expect(found).toEqual(kinds.map((kind) => `${kind} found`));
    expect(repaired).toEqual(kinds.map((kind) => `${kind} repaired`));
    expect(after).toEqual([]);
  });

  test('objects that nothing names are moved or deleted there', async () => {
    const blob = await stage.storeTwice();
    const [orphan, part] = [newBlobKey(), newBlobKey('incoming')];
    for (const key of [orphan, part]) await putObject(store, key, 'nobody’s');
    const { found, repaired, after } = await stage.repairs();
    expect(found).toEqual(['incoming found', 'orphan found']);
    expect(repaired).toEqual(['incoming repaired', 'orphan repaired']);
    expect(after).toEqual([]);
    expect(await readObject(store, keyIn('lost-found', orphan))).toBe('nobody’s');
    expect(await readObject(store, orphan)).toBeNull();
    expect(await readObject(store, replicaOf(blob))).toBe('hello');
  });

  test('a provider that refuses is told as one, and the others are checked', async () => {
    const foreign = await openStore(provider, readConfig({ ...backend.foreign, STORAGE_PROVIDER: provider }));
    const refused = await CheckStage.open(foreign);
    const lost = await refused.store();
    await refused.local.delete(lost.key);
    const { brief, summary } = await refused.node().run();
    expect(brief).toEqual(['missing found']);
    expect(summary?.unreachable).toEqual([{ provider, reason: expect.stringMatching(/^The storage/) }]);
    expect(summary?.stores.map((each) => each.provider)).toEqual(['local']);
    await foreign.close();
    await refused.close();
  });
});
