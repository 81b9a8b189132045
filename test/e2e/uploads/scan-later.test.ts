import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Clamd, startClamd } from '../../support/clamd-process.ts';
import { send } from '../../support/client.ts';
import { infected, RELEASE, readiness, ScanClient, until } from '../../support/scan-client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { SlowUpload } from '../../support/slow-upload.ts';
import { EICAR } from '../../support/virus-signatures.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const LIMIT = 4 * MIB;

let clamd: Clamd;
let server: RunningServer;
let owner: ScanClient;

beforeAll(async () => {
  clamd = await startClamd({ scanBytes: LIMIT });
  server = await startServer({
    ...clamd.env,
    VIRUS_SCAN_POLICY: 'scan-later',
    MAX_FILE_SIZE: '2GiB',
    // What waits lies encrypted, and is scanned as it was sent.
    ENCRYPTION_KEYS: `first:${randomBytes(32).toString('base64')}`,
  });
  owner = await ScanClient.register(server);
});
afterAll(async () => {
  await server?.stop();
  await clamd?.stop();
});

async function expectLocked(id: string): Promise<void> {
  const answer = await owner.content(id);
  expect([answer.status, answer.text]).toEqual([423, expect.stringContaining('FILE_LOCKED')]);
  expect((await owner.content(id, { method: 'HEAD' })).status).toBe(423);
  expect((await owner.content(id, { headers: { range: 'bytes=0-1' } })).status).toBe(423);
  expect((await fetch((await owner.shown(id))?.downloadUrl ?? '')).status).toBe(423);
  expect((await fetch(`${server.origin}/files/${id}/content`)).status).toBe(423);
}

it('While the scanner is away files wait, locked for everybody; then they are served, or taken away', async () => {
  const { port } = clamd;
  await clamd.stop();
  const clean = await owner.idOf(infected('nothing'), { isPublic: true });
  const bad = await owner.idOf(infected(), { isPublic: true });
  const virus = { isScanned: false, isClean: false };
  expect(await owner.shown(clean)).toMatchObject({ uploadStatus: 'COMPLETED', virus });
  await expectLocked(clean);
  await expectLocked(bad);
  expect(await readiness(server)).toEqual({ status: 200, scanner: 'failed' });
  const metrics = await send(server.origin, { method: 'GET', path: '/metrics' });
  expect(metrics.text).toMatch(/^content_scans_waiting 2$/m);

  clamd = await startClamd({ port, scanBytes: LIMIT });
  await until(server, async () => (await owner.content(clean)).status === 200);
  expect(await owner.shown(clean)).toMatchObject({ virus: { isScanned: true, isClean: true } });
  await until(server, async () => (await owner.content(bad)).status === 404);
  expect(await owner.shown(bad)).toBeUndefined();
});

it('What the scanner does not look at in full is never taken for clean, until an administrator lets it pass', async () => {
  const id = await owner.idOf('x'.repeat(LIMIT + 10) + EICAR, { isPublic: true });
  await expectLocked(id);
  expect((await owner.content(id)).text).toContain('administrator');
  expect(await owner.code(RELEASE, { id })).toBe('FORBIDDEN');
  const admin = await ScanClient.administrator(server);
  expect((await admin.ask(RELEASE, { id })).errors).toEqual([]);
  expect((await owner.content(id)).status).toBe(200);
  expect(await owner.shown(id)).toMatchObject({ virus: { isScanned: false, isClean: false } });
});

it('An upload of a gibibyte is shown to the scanner as it comes, not held', {
  timeout: 120_000,
}, async () => {
  await owner.idOf(infected('nothing'));
  const before = await peakBytes();
  const slow = new SlowUpload(server.origin, owner.account.token);
  const piece = Buffer.alloc(MIB, 'nothing to see here. ');
  for (let sent = 0; sent < GIB; sent += piece.length) await slow.send(piece);
  expect(await slow.end()).toContain('"uploadFile":{"id"');
  expect((await peakBytes()) - before).toBeLessThan(128 * MIB);
});

async function peakBytes(): Promise<number> {
  const status = await readFile(`/proc/${server.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}
