import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Clamd, startClamd } from '../../support/clamd-process.ts';
import { send } from '../../support/client.ts';
import { infected, readiness, ScanClient, until } from '../../support/scan-client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { bodySignature, EICAR_SIGNATURES } from '../../support/virus-signatures.ts';

// Nothing knows it until there are new signatures.
const NOVELTY = `a threat of tomorrow ${randomBytes(8).toString('hex')}`;

let clamd: Clamd;
let server: RunningServer;
let owner: ScanClient;
let admin: ScanClient;

beforeAll(async () => {
  clamd = await startClamd();
  server = await startServer(clamd.env);
  owner = await ScanClient.register(server);
  admin = await ScanClient.administrator(server);
});
afterAll(async () => {
  await server?.stop();
  await clamd?.stop();
});

it('A scanner that is away lets nothing in where uploads must be scanned, and all is well once it is back', async () => {
  const { port } = clamd;
  await clamd.stop();
  const { errors } = await owner.upload('hello');
  expect(errors[0]?.extensions.code).toBe('STORAGE_UNAVAILABLE');
  expect(errors[0]?.message).toContain('scanner');
  expect(await readiness(server)).toEqual({ status: 503, scanner: 'failed' });
  clamd = await startClamd({ port });
  await until(server, async () => (await owner.upload(infected('fine'))).data !== null);
  expect((await owner.upload(infected())).errors[0]?.extensions.code).toBe('INFECTED');
  await until(server, async () => (await readiness(server)).status === 200);
});

it('A scanner that dies in the middle of uploads leaves nothing of them', async () => {
  const { port } = clamd;
  const large = Buffer.concat(Array.from({ length: 20 }, () => Buffer.alloc(1024 * 1024, infected('fine'))));
  const uploads = Array.from({ length: 5 }, (_, i) => owner.upload(large.subarray(i)));
  await until(server, async () => (await uploadsRunning()) > 0);
  await clamd.stop();
  const codes = (await Promise.all(uploads)).map(({ errors }) => errors[0]?.extensions.code ?? 'stored');
  expect(codes.filter((code) => code !== 'stored')).toEqual(
    codes.flatMap((code) => (code === 'stored' ? [] : ['STORAGE_UNAVAILABLE'])),
  );
  const { data } = await owner.ask<{ files: { totalCount: number } }>(
    'query ($filter: FileFilter) { files(filter: $filter) { totalCount } }',
    { filter: { minSize: 1024 * 1024 } },
  );
  expect(data?.files.totalCount).toBe(codes.filter((code) => code === 'stored').length);
  clamd = await startClamd({ port });
});

async function uploadsRunning(): Promise<number> {
  const { text } = await send(server.origin, { method: 'GET', path: '/metrics' });
  return Number(/^uploads_running (\d+)$/m.exec(text)?.[1]);
}

it('New signatures find in what is stored what nobody knew, and end its signed links', {
  timeout: 90_000,
}, async () => {
  await until(server, async () => (await owner.upload(infected('fine'))).data !== null);
  const id = await owner.idOf(infected(NOVELTY));
  const other = await owner.idOf(infected('nothing'));
  const link = (await owner.shown(id))?.downloadUrl ?? '';
  expect((await fetch(link)).status).toBe(200);
  const { port } = clamd;
  await clamd.stop();
  const ndb = [...EICAR_SIGNATURES.ndb, bodySignature('Test-Novelty', NOVELTY)];
  clamd = await startClamd({ port, version: 2, signatures: { ...EICAR_SIGNATURES, ndb } });
  await until(server, async () => (await fetch(link)).status === 404, 60);
  expect((await owner.content(id)).status).toBe(404);
  expect(await admin.newestHeld()).toMatchObject({ id, threat: 'Test-Novelty.UNOFFICIAL' });
  await until(server, async () => (await owner.shown(other))?.virus.scanEngine === 'ClamAV 1.4.3/2');
  expect((await owner.content(other)).status).toBe(200);
  const { text } = await send(server.origin, { method: 'GET', path: '/metrics' });
  expect(text).toMatch(/content_scans_total\{verdict="infected"\} [1-9]/);
  expect(text).toMatch(/content_scans_outdated \d/);
});
