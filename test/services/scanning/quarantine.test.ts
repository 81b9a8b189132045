import { rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { runningScanner } from '../../support/nodes/scan-node.ts';
import { CLEAN, DOWN, NAME, ScanStage, saying, TOO_LONG } from '../../support/nodes/scan-stage.ts';
import { heldFor, put, uploadNode } from '../../support/nodes/upload-node.ts';
import { EICAR } from '../../support/virus-signatures.ts';

const stage = new ScanStage();

describe('An upload is scanned on its way', () => {
  it('and says so when it is clean', async () => {
    const file = await put(stage.node(), stage.viewer, 'hello');
    const virus = { isScanned: true, isClean: true, scanEngine: 'ClamAV 1.4.3/1' };
    expect(file.virus).toMatchObject(virus);
    expect((await stage.fileOf())?.virus).toMatchObject(virus);
    expect((await stage.blobs())[0]).toMatchObject({ virus, scannedFor: 'ClamAV 1.4.3/1', live: true });
  });

  it('and an empty one is clean, whether the scanner answers or not', async () => {
    const file = await put(stage.node({ scanner: runningScanner('127.0.0.1:1') }), stage.viewer, '');
    expect(file.virus).toMatchObject({ isScanned: true, isClean: true });
  });

  it('and says that it was not where there is no scanner', async () => {
    const services = stage.node({ scanner: null });
    const file = await put(services, stage.viewer, EICAR);
    expect(file.virus).toMatchObject({ isScanned: false, isClean: false });
    expect(await services.work()).toBe(0);
  });

  it('and when it is infected it is kept apart, counted for its owner, told once, and never a file', async () => {
    const services = stage.node();
    await stage.refused(services);
    await services.run.idle();
    const file = await stage.fileOf();
    expect(file).toMatchObject({ uploadStatus: 'FAILED', threat: NAME, fileSize: EICAR.length });
    expect(file?.quarantinedAt).toBeInstanceOf(Date);
    expect(file?.virus).toMatchObject({ isScanned: true, isClean: false });
    expect(await stage.blobs()).toMatchObject([
      { live: false, threat: NAME, refCount: 1, virus: { isClean: false } },
    ]);
    expect(await heldFor(stage.viewer, stage.database, stage.store)).toMatchObject({
      usedBytes: EICAR.length,
      claims: 0,
      bytes: 1,
    });
    expect([services.told, services.acts]).toEqual([[NAME], ['FILE_QUARANTINED']]);
    await services.sweep.run();
    expect(await stage.fileOf()).toMatchObject({ uploadStatus: 'FAILED', threat: NAME });
    await expect(services.files.get(stage.viewer, `${file?._id}`)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('and equal infected contents are kept once, and given to nobody', async () => {
    const services = stage.node();
    await Promise.all(
      [stage.viewer, stage.other, stage.viewer, stage.other].map((who) => stage.refused(services, who)),
    );
    expect(await stage.blobs()).toMatchObject([{ live: false, refCount: 4 }]);
    expect(await heldFor(stage.viewer, stage.database, stage.store)).toMatchObject({
      bytes: 1,
      usedBytes: 2 * EICAR.length,
    });
    // Where nobody scans, the same bytes become a content of their own.
    await put(uploadNode(stage.database, stage.store), stage.other, EICAR);
    expect((await stage.blobs()).map(({ live, refCount }) => [live, refCount])).toEqual([
      [false, 4],
      [true, 1],
    ]);
  });

  it('and when it is infected takes what served the same content until now away with it', async () => {
    const before = await put(stage.node({ scanner: saying(CLEAN) }), stage.other, EICAR);
    const services = stage.node();
    await stage.refused(services);
    const all = await stage.database.collections.files.find().select('+quarantinedAt').lean();
    expect(all.map(({ uploadStatus }) => uploadStatus)).toEqual(['FAILED', 'FAILED']);
    expect(all.every(({ quarantinedAt }) => quarantinedAt)).toBe(true);
    expect((await stage.blobs()).every(({ live }) => !live)).toBe(true);
    await expect(services.files.get(stage.other, before.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(services.told).toHaveLength(2);
    expect(await heldFor(stage.other, stage.database, stage.store)).toMatchObject({
      usedBytes: EICAR.length,
      bytes: 1,
    });
  });

  it('and a content that was found infected while it was referred to is not completed', async () => {
    const services = stage.node({ scanner: saying(CLEAN) });
    const acquire = services.references.acquire.bind(services.references);
    services.references.acquire = async (...given) => {
      const blob = await acquire(...given);
      const virus = { isScanned: true, isClean: false, scanDate: new Date(), scanEngine: 'x' };
      await services.verdicts.condemn({ _id: blob._id }, { kind: 'infected', threat: 'Late', virus });
      return blob;
    };
    await expect(put(services, stage.viewer, 'late')).rejects.toMatchObject({ code: 'INFECTED' });
    expect(await stage.fileOf()).toMatchObject({ uploadStatus: 'FAILED', threat: 'Late' });
  });
});

describe('Without a verdict', () => {
  it.each([
    [DOWN, 'STORAGE_UNAVAILABLE'],
    [TOO_LONG, 'PAYLOAD_TOO_LARGE'],
  ])('nothing is left of an upload that %j refuses', async (verdict, code) => {
    await expect(put(stage.node({ scanner: saying(verdict) }), stage.viewer, 'a')).rejects.toMatchObject({
      code,
    });
    expect(await heldFor(stage.viewer, stage.database, stage.store)).toMatchObject({
      files: [],
      bytes: 0,
      usedBytes: 0,
    });
  });

  it('a file waits where it may, until the job has scanned it', async () => {
    const waiting = stage.node({ scanner: saying(DOWN), policy: 'scan-later' });
    const file = await put(waiting, stage.viewer, 'a');
    expect(file.virus).toMatchObject({ isScanned: false, isClean: false });
    expect(await stage.fileOf()).toMatchObject({ uploadStatus: 'COMPLETED', isAwaitingScan: true });
    await waiting.run.idle();
    await stage.node().work();
    expect(await stage.fileOf()).toMatchObject({ virus: { isScanned: true, isClean: true } });
    expect((await stage.fileOf())?.isAwaitingScan).toBeUndefined();
    expect((await stage.blobs())[0]?.scanDueAt).toBeUndefined();
  });

  it('a file that waits goes into quarantine when it is infected', async () => {
    const waiting = stage.node({ scanner: saying(DOWN), policy: 'scan-later' });
    await put(waiting, stage.viewer, EICAR);
    await put(waiting, stage.other, EICAR);
    await waiting.run.idle();
    const services = stage.node();
    await services.work();
    for (const who of [stage.viewer, stage.other])
      expect(await stage.fileOf(who)).toMatchObject({ uploadStatus: 'FAILED', threat: NAME });
    expect(services.told).toEqual([NAME, NAME]);
  });

  it('a content that no scanner takes stays locked, and is not tried again by the same one', async () => {
    const services = stage.node({ scanner: saying(TOO_LONG), policy: 'scan-later' });
    await put(services, stage.viewer, 'a');
    await services.run.idle();
    expect(await stage.fileOf()).toMatchObject({ isAwaitingScan: true, virus: { isScanned: false } });
    expect(await services.work()).toBe(0);
    expect(await stage.node({ scanner: saying(TOO_LONG, 'ClamAV 1.4.3/8') }).work()).toBe(1);
    expect(await stage.fileOf()).toMatchObject({ isAwaitingScan: true });
  });

  it('a file takes over what is known of its content', async () => {
    await put(stage.node(), stage.viewer, 'a');
    const file = await put(stage.node({ scanner: saying(DOWN), policy: 'scan-later' }), stage.other, 'a');
    expect(file.virus).toMatchObject({ isScanned: true, isClean: true });
    expect((await stage.fileOf(stage.other))?.isAwaitingScan).toBeUndefined();
  });

  it('a fresh scan of the same content unlocks the files that wait', async () => {
    const waiting = stage.node({ scanner: saying(DOWN), policy: 'scan-later' });
    await put(waiting, stage.viewer, 'a');
    await waiting.run.idle();
    await put(stage.node(), stage.other, 'a');
    expect((await stage.fileOf())?.isAwaitingScan).toBeUndefined();
    expect(await stage.fileOf()).toMatchObject({ virus: { isScanned: true } });
  });
});

describe('What is stored is scanned again', () => {
  it('once by each version of the signatures, from where it was', async () => {
    for (const text of ['a', 'b', 'c']) await put(stage.node({ scanner: null }), stage.viewer, text);
    const services = stage.node();
    expect(await services.duty.isNeeded()).toBe(true);
    expect(await services.duty.outdatedCount()).toBe(3);
    expect(await services.work()).toBe(3);
    expect([await services.work(), await services.duty.isNeeded()]).toEqual([0, false]);
    const newer = stage.node({ scanner: saying(CLEAN, 'ClamAV 1.4.3/2') });
    expect(await newer.work()).toBe(3);
    const files = await stage.database.collections.files.find().lean();
    expect(files.map(({ virus }) => virus.scanEngine)).toEqual(Array(3).fill('ClamAV 1.4.3/2'));
  });

  it('and what is found then is taken from everybody', async () => {
    await put(stage.node({ scanner: null }), stage.viewer, EICAR);
    await put(stage.node({ scanner: null }), stage.other, EICAR);
    const services = stage.node();
    await services.work();
    for (const who of [stage.viewer, stage.other])
      expect(await stage.fileOf(who)).toMatchObject({ uploadStatus: 'FAILED', threat: NAME });
    expect(services.acts).toEqual(['FILE_QUARANTINED', 'FILE_QUARANTINED']);
  });

  it('but not while the scanner does not answer', async () => {
    await put(stage.node({ scanner: null }), stage.viewer, 'a');
    const services = stage.node({ scanner: runningScanner('127.0.0.1:1') });
    expect([await services.duty.isNeeded(), await services.work()]).toEqual([false, 0]);
    expect(await services.duty.outdatedCount()).toBeNaN();
  });

  it('later and later where its bytes cannot be read', async () => {
    await put(stage.node({ scanner: null }), stage.viewer, 'a');
    await rm(stage.folder, { recursive: true, force: true });
    const services = stage.node();
    expect([await services.work(), await services.work()]).toEqual([1, 0]);
    expect(services.judged).toEqual(['failed']);
    expect((await stage.blobs())[0]).toMatchObject({ scanTries: 1 });
  });
});
