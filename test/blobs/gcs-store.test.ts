import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeAll, expect, it } from 'vitest';
import { newBlobKey } from '../../src/blobs/blob-store.ts';
import type { Backend } from '../support/backend.ts';
import { newGcsBucket } from '../support/backends/gcs-bucket.ts';
import { conformance } from './conformance.ts';
import { openVariables } from './open-variables.ts';
import { sourceOf } from './sources.ts';

const MiB = 1024 * 1024;
setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

let backend: Backend;
beforeAll(async () => {
  backend = await newGcsBucket();
});

conformance('Google Cloud Storage', () => openVariables('gcp', backend.env), {
  backend: () => backend,
  holdsSize: true,
});

it('stays within 64 MiB with the largest parts that can be configured', { timeout: 60_000 }, async () => {
  const store = await openVariables('gcp', { ...backend.env, STORAGE_PART_SIZE: '32MiB' });
  const held = () => {
    collectGarbage();
    return process.memoryUsage().arrayBuffers;
  };
  const [before, total] = [held(), 100 * MiB];
  let [made, peak] = [0, 0];
  const source = sourceOf(total, ({ length }) => {
    made += length;
    if (made % (4 * MiB) === 0) peak = Math.max(peak, held());
  });
  expect(await store.put(newBlobKey(), source)).toBe(total);
  expect(peak - before).toBeLessThan(64 * MiB);
  await store.close();
});
