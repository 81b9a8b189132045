import { describe, expect, it } from 'vitest';
import { ObjectId } from '../../../src/models/object-id.ts';
import { asAdmin } from '../../support/nodes/scan-node.ts';
import { NAME, ScanStage, saying, TOO_LONG } from '../../support/nodes/scan-stage.ts';
import { heldFor, put } from '../../support/nodes/upload-node.ts';
import { EICAR } from '../../support/virus-signatures.ts';

const stage = new ScanStage();

describe('Administrators', () => {
  const admin = () => asAdmin(stage.other);

  it('see what is held, newest first, page by page', async () => {
    const services = stage.node();
    for (const text of ['1', '2', '3']) await stage.refused(services, stage.viewer, text + EICAR);
    const seen: string[] = [];
    for (let after: string | null = null, pages = 0; pages < 3; pages += 1) {
      const page = await services.quarantine.list({ first: 2, after });
      seen.push(...page.nodes.map(({ file }) => file.fileHash));
      for (const held of page.nodes) expect(held).toMatchObject({ threat: NAME, ownerName: 'ann' });
      const last = page.nodes.at(-1);
      if (!page.hasNextPage || !last) break;
      after = page.cursor(last);
    }
    expect(new Set(seen).size).toBe(3);
    const inOrder = await stage.database.collections.files.find().sort({ quarantinedAt: -1, _id: -1 }).lean();
    expect(seen).toEqual(inOrder.map(({ fileHash }) => fileHash));
    for (const bad of ['x', '', 'MS5hYQ']) {
      await expect(services.quarantine.list({ first: 2, after: bad })).rejects.toMatchObject({
        code: 'BAD_USER_INPUT',
      });
    }
  });

  it('release a false alarm for all its files, and it is not raised again', async () => {
    const services = stage.node();
    await stage.refused(services);
    await stage.refused(services, stage.other);
    await services.run.idle();
    const held = await stage.fileOf();
    const file = await services.quarantine.release(admin(), `${held?._id}`);
    expect(file).toMatchObject({ uploadStatus: 'COMPLETED', virus: { isScanned: true, isClean: true } });
    expect(await stage.fileOf(stage.other)).toMatchObject({ uploadStatus: 'COMPLETED' });
    expect((await stage.fileOf())?.quarantinedAt).toBeUndefined();
    expect(services.acts.at(-1)).toBe('FILE_RELEASED');
    // A new upload, a later scan and a scan that waits find the same, and let it pass.
    await put(services, stage.viewer, EICAR);
    await services.run.idle();
    await stage.database.collections.blobs.updateMany({}, { scannedFor: 'older' });
    await services.work();
    expect(await stage.blobs()).toMatchObject([{ live: true, refCount: 3, virus: { isClean: true } }]);
    expect(
      (await stage.database.collections.files.find().lean()).map(({ uploadStatus }) => uploadStatus),
    ).toEqual(Array(3).fill('COMPLETED'));
    // Something else is found none the less.
    await stage.node({ scanner: saying({ kind: 'infected', threat: 'Other' } as never) }).work();
    expect((await stage.blobs())[0]).toMatchObject({ live: false, threat: 'Other' });
  });

  it('release what no scanner takes', async () => {
    const services = stage.node({ scanner: saying(TOO_LONG), policy: 'scan-later' });
    const file = await put(services, stage.viewer, 'a');
    await services.run.idle();
    await services.quarantine.release(admin(), file.id);
    expect(await stage.fileOf()).toMatchObject({ uploadStatus: 'COMPLETED', virus: { isScanned: false } });
    expect((await stage.fileOf())?.isAwaitingScan).toBeUndefined();
    await put(services, stage.other, 'a');
    expect((await stage.fileOf(stage.other))?.isAwaitingScan).toBeUndefined();
  });

  it('purge what is held, and with the last file its content goes and the bytes are given back', async () => {
    const services = stage.node();
    await stage.refused(services);
    await services.run.idle();
    const held = `${(await stage.fileOf())?._id}`;
    await expect(services.files.remove(stage.viewer, held)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const key = { id: new ObjectId(), scopes: [], expiresAt: null };
    await expect(services.files.remove({ ...admin(), key }, held)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(await services.files.remove(admin(), held)).toBe(held);
    await expect(services.files.remove(admin(), held)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await services.sweep.run();
    expect(await heldFor(stage.viewer, stage.database, stage.store)).toMatchObject({
      files: [],
      bytes: 0,
      usedBytes: 0,
      claims: 0,
    });
    expect(services.acts.at(-1)).toBe('FILE_PURGED');
  });

  it('can neither release nor purge what is not held, or not there', async () => {
    const services = stage.node();
    const file = await put(services, stage.viewer, 'a');
    for (const id of [file.id, `${new ObjectId()}`, 'x']) {
      await expect(services.quarantine.release(admin(), id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      expect(await services.quarantine.purge(admin(), id)).toBe(false);
    }
  });
});

it('A deleted account takes what it has in quarantine with it', async () => {
  const services = stage.node();
  await stage.refused(services);
  await services.run.idle();
  await stage.database.collections.users.updateOne(
    { _id: stage.viewer.userId },
    { deletedAt: new Date(), isActive: false },
  );
  await services.sweep.run();
  await services.sweep.run();
  expect(await heldFor(stage.viewer, stage.database, stage.store)).toMatchObject({ files: [], bytes: 0 });
  expect(await stage.database.collections.users.exists({ _id: stage.viewer.userId })).toBeNull();
});
