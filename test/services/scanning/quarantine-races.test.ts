import { describe, expect, it } from 'vitest';
import { checkNode } from '../../support/nodes/check-node.ts';
import { asAdmin, type ScanNode, scanNode } from '../../support/nodes/scan-node.ts';
import { CLEAN, DOWN, ScanStage, saying, TOO_LONG } from '../../support/nodes/scan-stage.ts';
import { put } from '../../support/nodes/upload-node.ts';
import { EICAR } from '../../support/virus-signatures.ts';

const stage = new ScanStage();

/** A node that dies when it is to tell files of a verdict. */
function speechless(options = {}): ScanNode {
  const services = stage.node(options);
  services.verdicts.tell = () => Promise.reject(new Error('killed'));
  return services;
}

/** What the job does once all that is due some time is due. */
async function later(services: ScanNode): Promise<void> {
  await services.run.idle();
  const { blobs } = stage.database.collections;
  await blobs.updateMany({ scanDueAt: { $exists: true } }, { scanDueAt: new Date(0) });
  await services.work();
}

describe('Files that were not told yet', () => {
  it('that their content is released are told, whatever uploads of the same content come between', async () => {
    const services = stage.node();
    await stage.refused(services);
    await services.run.idle();
    const held = `${(await stage.fileOf())?._id}`;
    await expect(speechless().quarantine.release(asAdmin(stage.other), held)).rejects.toThrow('killed');
    await put(services, stage.other, EICAR);
    await later(services);
    expect(await stage.fileOf()).toMatchObject({ uploadStatus: 'COMPLETED' });
    expect((await stage.fileOf())?.quarantinedAt).toBeUndefined();
  });

  it('that their content is clean are told, whatever uploads of the same content come between', async () => {
    const waiting = stage.node({ scanner: saying(DOWN), policy: 'scan-later' });
    await put(waiting, stage.viewer, 'a');
    await waiting.run.idle();
    await speechless({ scanner: saying(CLEAN) }).work();
    expect((await stage.blobs())[0]).toMatchObject({ isVerdictUntold: true });
    const services = stage.node({ scanner: saying(CLEAN) });
    await put(services, stage.other, 'a');
    await later(services);
    expect((await stage.fileOf())?.isAwaitingScan).toBeUndefined();
  });

  it('are told though a scan that was under way since before comes to nothing', async () => {
    const services = stage.node({ scanner: saying(TOO_LONG), policy: 'scan-later' });
    const file = await put(services, stage.viewer, 'a');
    await services.run.idle();
    const [before] = await stage.blobs();
    if (!before) throw new Error('there is no blob');
    await expect(speechless().quarantine.release(asAdmin(stage.other), file.id)).rejects.toThrow('killed');
    await services.verdicts.recordUnscannable(before, 'ClamAV 1.4.3/7');
    await later(services);
    expect((await stage.fileOf())?.isAwaitingScan).toBeUndefined();
  });
});

it('What another is about to tell all files of a content is not told by each upload of the same, nor put off', async () => {
  const services = stage.node({ scanner: saying(CLEAN) });
  await put(services, stage.viewer, 'a');
  await services.run.idle();
  const { blobs } = stage.database.collections;
  const scanDueAt = new Date(Date.now() + 20_000);
  await blobs.updateMany({}, { isVerdictUntold: true, scanDueAt });
  const told: unknown[] = [];
  const { tell } = services.verdicts;
  services.verdicts.tell = (id) => {
    told.push(id);
    return tell.call(services.verdicts, id);
  };
  for (let i = 0; i < 3; i += 1) await put(services, stage.other, 'a');
  expect(told).toEqual([]);
  expect((await stage.blobs())[0]).toMatchObject({ isVerdictUntold: true, scanDueAt });
});

it('Of an empty content it stays known which scanner was asked, so that no upload of one is news to the others', async () => {
  const services = stage.node();
  await put(services, stage.viewer, '');
  await put(services, stage.other, '');
  await services.work();
  const engine = 'ClamAV 1.4.3/1';
  expect((await stage.fileOf())?.virus.scanEngine).toBe(engine);
  const last = await put(services, stage.other, '');
  expect(last.virus.scanEngine).toBe(engine);
  expect((await stage.fileOf())?.virus.scanEngine).toBe(engine);
  await services.run.idle();
  expect((await stage.blobs())[0]).toMatchObject({ scannedFor: engine, refCount: 3 });
  expect(await services.work()).toBe(0);
});

it('An upload whose equal content is put into quarantine just then brings its own', async () => {
  const unscanned = { scanner: null };
  await put(stage.node(unscanned), stage.viewer, 'a');
  const { collections } = stage.database;
  const { verdicts } = stage.node();
  const virus = { isScanned: true, isClean: false, scanDate: new Date(), scanEngine: 'x' };
  const condemn = () => verdicts.condemn({ live: true }, { kind: 'infected', virus, threat: 'Just now' });
  let isFirst = true;
  const blobs = new Proxy(collections.blobs, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (name !== 'find' || !isFirst) return typeof value === 'function' ? value.bind(target) : value;
      isFirst = false;
      return (...given: Parameters<typeof target.find>) => ({
        lean: async () => (await condemn()) && target.find(...given).lean(),
      });
    },
  });
  const database = { ...stage.database, collections: { ...collections, blobs } };
  const services = scanNode(database as typeof stage.database, stage.store, unscanned);
  await put(services, stage.other, 'a');
  await services.run.idle();
  const [former, own] = await stage.blobs();
  expect(former).toMatchObject({ live: false, threat: 'Just now' });
  expect(own).toMatchObject({ live: true, refCount: 1 });
  // The first file’s, and the one reference of the upload that was made in vain.
  await services.sweep.run();
  expect((await stage.blobs())[0]).toMatchObject({ refCount: 1 });
});

it('The bytes of files in quarantine are counted by a check, also while an upload of the account runs', async () => {
  const services = stage.node();
  await stage.refused(services);
  await services.run.idle();
  const { users } = stage.database.collections;
  const claim = { file: asAdmin(stage.other).sessionId, amount: 5, at: new Date() };
  await users.collection.updateOne({ _id: stage.viewer.userId }, {
    $inc: { usedBytes: 5 },
    $push: { claims: claim },
  } as never);
  const { brief } = await checkNode(stage.database.collections, [stage.store]).run({ repair: true });
  expect(brief).toEqual([]);
  expect(await users.findById(stage.viewer.userId).lean()).toMatchObject({ usedBytes: EICAR.length + 5 });
});
