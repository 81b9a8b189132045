import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { codeOf, LOGIN, type Login, login, rootOf, SET_ACTIVE } from '../../support/administrator.ts';
import { gql, partHead, pause, register, send, upload, uploadHeaders } from '../../support/client.ts';
import { DirectClient } from '../../support/direct-upload.ts';
import { Inspector } from '../../support/leftovers.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { LARGE, slowDownload, slowUpload } from '../../support/slow-transfers.ts';

vi.setConfig({ testTimeout: 60_000 });

const REFRESH = 'mutation ($token: String) { refreshToken(refreshToken: $token) { accessToken } }';

let first: RunningServer;
let second: RunningServer;
let root: Login;
let inspector: Inspector;

beforeAll(async () => {
  first = await startServer();
  second = await startServer({ ...first.env, PORT: '0' });
  inspector = await Inspector.of(first);
  root = await rootOf(first);
});
afterAll(async () => {
  await inspector?.close();
  await second?.stop();
  await first?.stop();
});

const asRoot = <T = Record<string, unknown>>(query: string, variables = {}) =>
  gql<T>(first.origin, query, variables, root.accessToken);

describe('The end of an account or a session', () => {
  it('stops within a second here, and within five on another server, all that a deactivated account has begun', async () => {
    const ann = await register(first.origin);
    const session = await login(first.origin, ann.username, ann.password);
    const content = Buffer.alloc(LARGE, 'large');
    const stored = await upload(first.origin, ann.token, { content });
    const id = stored.data?.uploadFile.id ?? '';
    const { data } = await gql<{ file: { downloadUrl: string } }>(
      first.origin,
      `{ file(id: "${id}") { downloadUrl } }`,
      {},
      ann.token,
    );
    const signed = new URL(data?.file.downloadUrl ?? '');
    const path = `/files/${id}/content`;
    const headers = { authorization: `Bearer ${ann.token}` };

    const servers = [first, second];
    const uploads = await Promise.all(servers.map(({ origin }) => slowUpload(origin, ann.token)));
    const downloads = await Promise.all([
      slowDownload(first.origin + path, headers),
      slowDownload(first.origin + signed.pathname + signed.search),
      slowDownload(second.origin + path, headers),
    ]);
    const client = new DirectClient(first.origin, ann.token);
    const { parts } = await client.ticket({ fileSize: 8 * 1024 * 1024 });
    const part = await RawConnection.open(first.origin);
    const address = new URL(parts[0]?.url ?? '');
    part.begin(
      { ...parts[0]?.headers, 'content-length': String(parts[0]?.size) },
      `PUT ${address.pathname}${address.search}`,
    );
    part.socket.write(Buffer.alloc(100_000));
    await vi.waitFor(async () => expect((await inspector.holdings()).unfinished).toBe(3), { timeout: 5_000 });
    await pause(300);

    expect((await asRoot(SET_ACTIVE, { id: ann.id, isActive: false })).errors).toEqual([]);
    const began = performance.now();
    const since = () => performance.now() - began;
    for (const download of downloads.slice(0, 2)) download.hurry();
    const here = await Promise.all([uploads[0]?.answer(1_000), part.answer(1_000)]);
    const bytesHere = await Promise.all(downloads.slice(0, 2).map(({ ended }) => ended));
    expect(since()).toBeLessThan(1_000);
    expect(here.map((answer) => answer?.errors[0]?.extensions.code ?? answer?.status)).toEqual([
      'UNAUTHENTICATED',
      401,
    ]);
    expect(Math.max(...bytesHere)).toBeLessThan(LARGE);

    const dead = await Promise.all([
      gql(first.origin, '{ me { id } }', {}, ann.token),
      gql(first.origin, REFRESH, { token: session.refreshToken }),
      gql(second.origin, REFRESH, { token: session.refreshToken }),
    ]);
    expect(dead.map(codeOf)).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED', 'UNAUTHENTICATED']);
    for (const { origin } of servers) {
      const link = { method: 'GET', path: signed.pathname + signed.search };
      expect((await send(origin, link)).status).toBe(404);
    }
    const again = gql(first.origin, LOGIN, {
      input: { emailOrUsername: ann.username, password: ann.password },
    });
    expect(codeOf(await again)).toBe('UNAUTHENTICATED');

    const there = await uploads[1]?.answer(5_000 - since());
    expect(there?.errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
    expect(await downloads[2]?.ended).toBeLessThan(LARGE);
    expect(since()).toBeLessThan(5_000);
    await pause(Math.max(0, 5_000 - since()));
    expect(codeOf(await gql(second.origin, '{ me { id } }', {}, ann.token))).toBe('UNAUTHENTICATED');

    const left = await inspector.holdings();
    const own = left.files.filter(({ userId }) => String(userId) === ann.id);
    expect(own.map(({ uploadStatus }) => uploadStatus).sort()).toEqual(['COMPLETED', 'PENDING']);
    expect(left.tempFiles).toEqual([]);
    for (const connection of [...uploads, part]) connection.vanish();

    expect((await asRoot(SET_ACTIVE, { id: ann.id, isActive: true })).errors).toEqual([]);
    expect((await login(second.origin, ann.username, ann.password)).user).toMatchObject({ isActive: true });
  });

  it('is followed by nothing that its requests had still to do', async () => {
    const thief = await register(first.origin);
    const owner = await login(first.origin, thief.username, thief.password);
    const query = `mutation ($files: [Upload!]!) {
      uploadFiles(files: $files) { id }
      updateProfile(input: { firstName: "Thief" }) { id }
    }`;
    const operations = JSON.stringify({ query, variables: { files: [null] } });
    const fields = [
      { name: 'operations', content: operations },
      { name: 'map', content: '{"0":["variables.files.0"]}' },
    ];
    const begun = await slowUpload(first.origin, thief.token, fields);
    await pause(300);
    // This one has proved itself by its headers, and says only later what it wants.
    const late = await RawConnection.open(first.origin);
    late.begin({ ...uploadHeaders(thief.token), 'content-length': '100000' });
    await pause(100);
    expect((await gql(first.origin, 'mutation { logoutAll }', {}, owner.accessToken)).errors).toEqual([]);
    const answer = await begun.answer(1_000);
    expect(answer.errors.map(({ extensions }) => extensions.code)).toEqual([
      'UNAUTHENTICATED',
      'UNAUTHENTICATED',
    ]);
    late.socket.write(
      Buffer.concat(fields.flatMap((field) => [partHead(field), Buffer.from(`${field.content}\r\n`)])),
    );
    late.socket.write(partHead({ name: '0', filename: 'late.bin' }));
    expect((await late.answer(1_000)).errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
    const { users } = await inspector.holdings();
    expect(users.find(({ username }) => username === thief.username)?.firstName).toBeNull();
    for (const connection of [begun, late]) connection.vanish();
  });

  it('stops what this session has begun, and nothing that another one of the account has', async () => {
    const ann = await register(first.origin);
    const other = await login(first.origin, ann.username, ann.password);
    const [own, others] = [
      await slowUpload(first.origin, ann.token),
      await slowUpload(first.origin, other.accessToken),
    ];
    await pause(300);
    await gql(first.origin, 'mutation { logout }', {}, ann.token);
    expect((await own.answer(1_000)).errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
    await pause(2_500);
    expect(others.received).toBe('');
    for (const connection of [own, others]) connection.vanish();
  });
});
