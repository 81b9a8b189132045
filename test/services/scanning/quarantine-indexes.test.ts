import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { open as openLocalStore } from '../../../src/blobs/local-store.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import type { Scanner } from '../../../src/scanning/scanner.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import type { Command } from '../../support/commands.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { asAdmin, type ScanNode, scanNode } from '../../support/nodes/scan-node.ts';
import { CLEAN, saying } from '../../support/nodes/scan-stage.ts';
import { put } from '../../support/nodes/upload-node.ts';
import { QueryPlans } from '../../support/queries/query-plans.ts';
import { EICAR } from '../../support/virus-signatures.ts';

let database: TestDatabase;
let folder: string;
let node: ScanNode;
let viewer: Viewer;

beforeAll(async () => {
  database = await openTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-quarantine-indexes-'));
  node = scanNode(database, await openLocalStore({ UPLOAD_PATH: folder }));
  const account = { username: 'ann', email: 'a@example.org', password: 'x', quotaBytes: null };
  const user = await database.collections.users.create(account as never);
  viewer = { userId: user._id, sessionId: new ObjectId(), role: user.role, isEmailVerified: true };
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

it('Every query about scans and the quarantine is answered by an index', async () => {
  const plans = new QueryPlans(database.connection);
  await put(scanNode(database, node.stores, { scanner: null }), viewer, 'a');
  for (let i = 0; i < 3; i += 1) await put(node, viewer, i + EICAR).catch(() => undefined);
  await node.run.idle();
  const commands = await plans.expectIndexed(async () => {
    await node.duty.isNeeded();
    await node.duty.waitingCount();
    await node.duty.outdatedCount();
    await node.work();
    await put(node, viewer, 'a');
    await put(node, viewer, `4${EICAR}`).catch(() => undefined);
    const page = await node.quarantine.list({ first: 1 });
    const [held] = page.nodes;
    if (!held) throw new Error('nothing is held');
    const next = await node.quarantine.list({ first: 1, after: page.cursor(held) });
    await node.quarantine.release(asAdmin(viewer), held.file.id);
    await node.quarantine.purge(asAdmin(viewer), next.nodes[0]?.file.id ?? '');
    await node.purge.purgeAllHeld(viewer.userId);
  });
  expect(commands.length).toBeGreaterThan(10);
  for (const index of [
    'blobs.scans_due',
    'blobs.by_scanner',
    'blobs.live_content',
    'blobs.quarantined_content',
    'blobs.unshared_content',
    'files.quarantine',
    'files.blob',
  ]) {
    expect(plans.used, index).toContain(index);
  }
});

it('It costs as much to look for a scan whether few contents wait in vain or very many', async () => {
  const { blobs } = database.collections;
  await blobs.deleteMany();
  const waits = (i: number, more: object) => ({
    ...{ hash: `${i}`, size: 1, key: `${i}`, provider: 'local', location: folder, refCount: 1, live: true },
    ...more,
  });
  const due = new Date(0);
  const later = new Date(Date.now() + 3_600_000);
  const all = Array.from({ length: 2_000 }, (_, i) => waits(i, { scanDueAt: i % 2 ? due : later }));
  await blobs.collection.insertMany(all as never);
  const plans = new QueryPlans(database.connection);
  const looks = async (scanner: Scanner) => {
    const looking = scanNode(database, node.stores, { scanner });
    const commands = await plans.expectIndexed(() => looking.duty.isNeeded());
    const read = await Promise.all(commands.map((command) => documentsRead(command)));
    return read.reduce((sum, each) => sum + each, 0);
  };
  const down = saying(CLEAN);
  expect(await looks({ ...down, engine: () => Promise.reject(new Error('down')) })).toBeLessThan(10);
  expect(plans.used).toContain('blobs.untold_verdicts');
  await blobs.updateMany({ scanDueAt: due }, { scanDueAt: later });
  expect(await looks(down)).toBeLessThan(10);
  // Nor whether few are in quarantine, as of older signatures, or very many.
  const virus = { isScanned: true, isClean: false, scanDate: due, scanEngine: 'older' };
  await blobs.updateMany(
    {},
    {
      $set: { live: false, threat: 'X', scannedFor: 'older', virus },
      $unset: { scanDueAt: 1 },
    },
  );
  expect(await looks(down)).toBeLessThan(10);
});

async function documentsRead(command: Command): Promise<number> {
  const { lsid: _session, $db, ...bare } = command;
  const asked = { explain: bare, verbosity: 'executionStats' };
  const { executionStats } = await database.connection.getClient().db(String($db)).command(asked);
  return executionStats.totalDocsExamined;
}
