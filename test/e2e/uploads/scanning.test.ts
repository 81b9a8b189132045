import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clamd, startClamd } from '../../support/clamd-process.ts';
import { gql } from '../../support/client.ts';
import { DirectClient } from '../../support/direct-upload.ts';
import { Inspector } from '../../support/leftovers.ts';
import { type Held, infected, PURGE, QUARANTINE, RELEASE, ScanClient } from '../../support/scan-client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { SlowUpload } from '../../support/slow-upload.ts';
import { EICAR } from '../../support/virus-signatures.ts';

const MIB = 1024 * 1024;
const NAME = 'Eicar-Test-Body.UNOFFICIAL';

let clamd: Clamd;
let server: RunningServer;
let inspector: Inspector;
let owner: ScanClient;
let admin: ScanClient;

beforeAll(async () => {
  clamd = await startClamd();
  server = await startServer({ CLAMAV_SOCKET: clamd.socket, DIRECT_PART_SIZE: '5MiB' });
  inspector = await Inspector.of(server);
  owner = await ScanClient.register(server);
  admin = await ScanClient.administrator(server);
});
afterAll(async () => {
  await inspector?.connection.close();
  await server?.stop();
  await clamd?.stop();
});

async function refused(text: string, who = owner): Promise<void> {
  const { errors } = await who.upload(text);
  expect(errors).toMatchObject([
    { extensions: { code: 'INFECTED' }, message: expect.stringContaining(NAME) },
  ]);
}

describe('An upload is scanned while it is stored', () => {
  it('and a clean one says by what', async () => {
    const id = await owner.idOf('hello');
    expect(await owner.shown(id)).toMatchObject({
      uploadStatus: 'COMPLETED',
      virus: { isScanned: true, isClean: true, scanEngine: 'ClamAV 1.4.3/1' },
    });
    expect(await owner.content(id)).toMatchObject({ status: 200, text: 'hello' });
  });

  it('and an infected one is refused by name, listed nowhere, counted, and served to nobody', async () => {
    const who = await ScanClient.register(server);
    const text = infected();
    await refused(text, who);
    const held = await admin.newestHeld();
    expect(held).toMatchObject({ ownerName: who.account.username, threat: NAME, fileSize: text.length });
    const { data } = await who.ask('{ files { nodes { id } } me { usage { usedBytes fileCount } } }');
    expect(data).toEqual({ files: { nodes: [] }, me: { usage: { usedBytes: text.length, fileCount: 0 } } });
    for (const each of [who, owner, admin]) {
      for (const method of ['GET', 'HEAD'])
        expect((await each.content(held.id, { method })).status).toBe(404);
      expect(await each.shown(held.id)).toBeUndefined();
    }
    const restore = 'mutation ($id: ID!) { restoreFile(id: $id) { id } }';
    for (const query of [restore, PURGE]) expect(await who.code(query, { id: held.id })).toBe('NOT_FOUND');
  });

  it('also where the virus lies across the pieces it came in', async () => {
    const around = 'x'.repeat(100_000);
    const half = EICAR.length / 2;
    const slow = new SlowUpload(server.origin, owner.account.token);
    for (const piece of [around + EICAR.slice(0, half), EICAR.slice(half) + around]) await slow.send(piece);
    expect(await slow.end()).toContain('INFECTED');
  });

  it('also when it came straight to the store, whose parts go', async () => {
    const direct = new DirectClient(server.origin, owner.account.token);
    const bytes = Buffer.from('y'.repeat(6 * MIB) + EICAR);
    const ticket = await direct.sent(bytes);
    expect((await direct.complete(ticket.id)).errors[0]?.extensions.code).toBe('INFECTED');
    expect((await direct.complete(ticket.id)).errors[0]?.extensions.code).toBe('NOT_FOUND');
    const { file } = await direct.upload(Buffer.from('z'.repeat(6 * MIB)));
    expect(file).toMatchObject({ uploadStatus: 'COMPLETED' });
    const { keys, blobs } = await inspector.holdings();
    expect(keys.length).toBe(blobs.length);
  });

  it('fifty at once, each by its own verdict', async () => {
    const isBad = (i: number) => i % 5 === 0;
    const contents = Array.from({ length: 50 }, (_, i) => (isBad(i) ? infected() : infected('nothing')));
    const answers = await Promise.all(contents.map((each) => owner.upload(each)));
    const codes = answers.map(({ errors }) => errors[0]?.extensions.code ?? 'stored');
    expect(codes).toEqual(contents.map((_, i) => (isBad(i) ? 'INFECTED' : 'stored')));
  });
});

describe('Administrators', () => {
  it('release a false alarm, which is then like any other file', async () => {
    const text = infected();
    await refused(text);
    const { id } = await admin.newestHeld();
    const { data } = await admin.ask<{ releaseFile: object }>(RELEASE, { id });
    const virus = { isScanned: true, isClean: true };
    expect(data?.releaseFile).toEqual({ id, uploadStatus: 'COMPLETED', virus });
    expect(await owner.content(id)).toMatchObject({ status: 200, text });
    // The same bytes are no alarm any more, whoever brings them.
    expect(await admin.content(await admin.idOf(text))).toMatchObject({ status: 200, text });
    expect(await admin.code(RELEASE, { id })).toBe('NOT_FOUND');
  });

  it('purge, and page through what is held', async () => {
    for (let i = 0; i < 3; i += 1) await refused(infected());
    const { id } = await admin.newestHeld();
    expect((await admin.ask(PURGE, { id })).data).toEqual({ purgeFile: id });
    expect(await admin.code(PURGE, { id })).toBe('NOT_FOUND');
    type Page = { quarantine: { nodes: Held[]; pageInfo: { hasNextPage: boolean; endCursor: string } } };
    const first = (await admin.ask<Page>(QUARANTINE, { first: 1 })).data?.quarantine;
    expect(first?.pageInfo.hasNextPage).toBe(true);
    const next = { first: 1, after: first?.pageInfo.endCursor };
    const second = (await admin.ask<Page>(QUARANTINE, next)).data?.quarantine;
    expect(second?.nodes[0]?.id).not.toBe(first?.nodes[0]?.id);
    expect(await admin.code(QUARANTINE, { after: 'nonsense' })).toBe('BAD_USER_INPUT');
    expect(await admin.code(QUARANTINE, { first: 1000 })).toBe('BAD_USER_INPUT');
  });

  it('alone may do so', async () => {
    await refused(infected());
    const { id } = await admin.newestHeld();
    expect(await owner.code(QUARANTINE)).toBe('FORBIDDEN');
    expect(await owner.code(RELEASE, { id })).toBe('FORBIDDEN');
    expect(await owner.code(PURGE, { id })).toBe('NOT_FOUND');
    const { errors } = await gql(server.origin, QUARANTINE);
    expect(errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
  });

  it('find it in the trail, and are told by mail, once of each account', async () => {
    const { connection } = inspector;
    const events = await connection.collection('auditevents').find().toArray();
    const actions = new Set(events.map(({ action }) => action));
    for (const action of ['FILE_QUARANTINED', 'FILE_RELEASED', 'FILE_PURGED'])
      expect(actions).toContain(action);
    const { username } = admin.account;
    const mails = await connection
      .collection('outbox')
      .find({ to: `${username}@example.org` })
      .toArray();
    const owners = new Set(
      events.filter(({ action }) => action === 'FILE_QUARANTINED').map(({ subjectId }) => `${subjectId}`),
    );
    // One more is the mail that asks to verify the address.
    expect(mails.length - owners.size).toBeLessThanOrEqual(1);
    expect(mails.length).toBeGreaterThanOrEqual(owners.size);
  });
});
