import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stores } from '../../../src/blobs/stores.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { blackPng } from '../../support/hostile-images.ts';
import { FakeMaker, processingNode } from '../../support/nodes/processing-node.ts';
import { versionsOn } from '../../support/nodes/version-node.ts';
import { SealedBench } from '../../support/sealed-bench.ts';

let bench: SealedBench;

beforeAll(async () => {
  bench = await SealedBench.open();
  await bench.fill();
});
afterAll(async () => {
  await bench.empty();
  await bench.database.close();
});

/** A node, and which contents it was told to process when a version or a copy was made. */
function site() {
  const node = processingNode(bench.database, new Stores([bench.local]), { maker: new FakeMaker() });
  const wanted: string[] = [];
  const processing = { add: (blob: ObjectId) => void wanted.push(blob.toHexString()) };
  return { ...versionsOn({ ...node, processing }, bench.database), wanted };
}
const picture = () => Buffer.concat([blackPng(64, 64), randomBytes(8)]);
const DONE = { processingStatus: 'COMPLETED', metadata: { width: 7, height: 5 } };

test('a copy has the facts of its content at once, or wants it processed as the file does', async () => {
  const node = site();
  const file = await node.upload(bench.viewer, picture());
  const early = await node.copies.copy(bench.viewer, file.id, {});
  expect(early).toMatchObject({ processingStatus: 'PENDING', metadata: null });
  expect(node.wanted).toEqual([String(file.blob)]);
  await node.work();
  expect(await node.copies.copy(bench.viewer, file.id, {})).toMatchObject(DONE);
  expect(node.wanted).toHaveLength(1);
  await node.idle();
});

test('a version that is the content again has its facts at once, or wants it processed', async () => {
  const node = site();
  const file = await node.upload(bench.viewer, picture());
  await node.work();
  const other = picture();
  expect(await node.over(bench.viewer, file, other)).toMatchObject({ processingStatus: 'PENDING' });
  const versionOf = async () => (await node.reader.ofFiles([file.id]))[0]?.[0]?.id ?? '';
  expect(await node.versions.restore(bench.viewer, file.id, await versionOf())).toMatchObject(DONE);
  expect(node.wanted).toEqual([]);
  const back = await node.versions.restore(bench.viewer, file.id, await versionOf());
  expect(back).toMatchObject({ processingStatus: 'PENDING', metadata: null });
  expect(node.wanted).toEqual([String(back.blob)]);
  await node.idle();
});
