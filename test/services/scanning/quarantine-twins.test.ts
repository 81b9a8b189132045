import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import type { Scanner } from '../../../src/scanning/scanner.ts';
import { BlobReader } from '../../../src/services/copies/blob-reader.ts';
import { asAdmin } from '../../support/nodes/scan-node.ts';
import { CLEAN, ScanStage, saying } from '../../support/nodes/scan-stage.ts';
import { heldFor, put } from '../../support/nodes/upload-node.ts';
import { EICAR } from '../../support/virus-signatures.ts';

const stage = new ScanStage();
const NEWER = 'ClamAV 1.4.3/8';
const other = () => saying({ kind: 'infected', threat: 'Other' } as never, NEWER);

async function release(owner = stage.viewer): Promise<void> {
  const services = stage.node();
  await services.quarantine.release(asAdmin(stage.other), `${(await stage.fileOf(owner))?._id}`);
}

/** One content in two blobs, each with a file: that of `viewer` was let out of quarantine beside the live one. */
async function makeTwins(): Promise<void> {
  const services = stage.node();
  await stage.refused(services);
  await services.run.idle();
  const unscanned = stage.node({ scanner: null });
  await put(unscanned, stage.other, EICAR);
  await unscanned.run.idle();
  await release();
  expect((await stage.blobs()).map(({ live }) => live)).toEqual([false, true]);
  expect(await stage.statuses()).toEqual(['COMPLETED', 'COMPLETED']);
}

async function uploadBy(scanner: Scanner): Promise<void> {
  const services = stage.node({ scanner });
  await expect(put(services, stage.viewer, EICAR)).rejects.toMatchObject({ code: 'INFECTED' });
  await services.run.idle();
}

describe('A content that serves its files beside an equal live one', () => {
  it('is taken from everybody with that one when an upload of the same is infected', async () => {
    await makeTwins();
    await uploadBy(other());
    expect(await stage.statuses()).toEqual(['FAILED', 'FAILED', 'FAILED']);
    for (const blob of await stage.blobs()) expect(blob).toMatchObject({ live: false, threat: 'Other' });
    expect((await stage.blobs()).filter(({ quarantinedAt }) => quarantinedAt)).toHaveLength(1);
  });

  it('is taken from everybody when that one is gone', async () => {
    await makeTwins();
    await stage.node().files.remove(stage.other, `${(await stage.fileOf(stage.other))?._id}`);
    await stage.node().sweep.run();
    expect(await stage.blobs()).toMatchObject([{ live: false, refCount: 1 }]);
    await uploadBy(other());
    expect(await stage.statuses()).toEqual(['FAILED', 'FAILED']);
  });

  it('is scanned again by each version of the signatures', async () => {
    await makeTwins();
    const newer = stage.node({ scanner: saying(CLEAN, NEWER) });
    expect(await newer.duty.outdatedCount()).toBe(2);
    expect([await newer.work(), await newer.work()]).toEqual([2, 0]);
    const infected = stage.node({ scanner: saying({ kind: 'infected', threat: 'Other' } as never, 'x/9') });
    expect([await infected.work(), await infected.work()]).toEqual([2, 0]);
    expect(await stage.statuses()).toEqual(['FAILED', 'FAILED']);
    expect(await stage.node({ scanner: saying(CLEAN, 'x/10') }).duty.isNeeded()).toBe(false);
  });

  it('is let out of quarantine with it', async () => {
    await makeTwins();
    await uploadBy(other());
    await release(stage.other);
    expect(await stage.statuses()).toEqual(['COMPLETED', 'COMPLETED', 'COMPLETED']);
    await stage.database.collections.blobs.updateMany({}, { scannedFor: 'older' });
    expect(await stage.node({ scanner: other() }).work()).toBe(2);
    expect(await stage.statuses()).toEqual(['COMPLETED', 'COMPLETED', 'COMPLETED']);
  });

  it('lets pass what was released in it also once that one is gone', async () => {
    await makeTwins();
    await stage.node().files.remove(stage.other, `${(await stage.fileOf(stage.other))?._id}`);
    await stage.node().sweep.run();
    const services = stage.node();
    await put(services, stage.other, EICAR);
    await services.run.idle();
    await stage.database.collections.blobs.updateMany({}, { scannedFor: 'older' });
    expect(await services.work()).toBe(2);
    expect(await stage.statuses()).toEqual(['COMPLETED', 'COMPLETED']);
  });
});

it('A content that is being deleted is not scanned', async () => {
  const unscanned = stage.node({ scanner: null });
  await put(unscanned, stage.viewer, 'a');
  await unscanned.run.idle();
  expect(await stage.node().duty.isNeeded()).toBe(true);
  await stage.database.collections.blobs.updateMany({}, { live: false, refCount: 0 });
  expect(await stage.node().duty.isNeeded()).toBe(false);
});

it('Of a quarantined content whose bytes are lost the next upload of the same brings new ones', async () => {
  const services = stage.node();
  await stage.refused(services);
  await services.run.idle();
  const [lost] = await stage.blobs();
  await stage.store.delete(lost?.key ?? '');
  await stage.refused(services, stage.other);
  await services.run.idle();
  expect(await heldFor(stage.other, stage.database, stage.store)).toMatchObject({ bytes: 1, sameKeys: true });
  await stage.refused(services, stage.other);
  await services.run.idle();
  expect(await stage.blobs()).toMatchObject([
    { live: false, refCount: 3, key: expect.not.stringMatching(`^${lost?.key}$`) },
  ]);
  expect(await heldFor(stage.other, stage.database, stage.store)).toMatchObject({ bytes: 1, sameKeys: true });
  await release();
  const [blob] = await stage.blobs();
  if (!blob) throw new Error('there is no blob');
  const reader = new BlobReader(stage.database.collections.blobs, services.stores, {
    fellBack: () => undefined,
  });
  expect(await text(await reader.open(blob))).toBe(EICAR);
});
