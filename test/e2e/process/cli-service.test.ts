import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { runCommand, startCommand } from '../../support/cli.ts';
import { gql, register, send } from '../../support/client.ts';
import { expectFailure } from '../../support/failed-command.ts';
import { Inspector } from '../../support/leftovers.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

// Each command is a process that connects to a database, or starts one, by itself.
vi.setConfig({ testTimeout: 120_000 });

const LOGIN =
  'mutation ($input: LoginInput!) { login(input: $input) { accessToken user { id username role } } }';
const JOBS = [
  'uploads',
  'purges',
  'claims',
  'expired',
  'trash',
  'accounts',
  'blobs',
  'leftovers',
  'unfinished',
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-cli-service-'));
});
afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));

const run = (args: readonly string[], env: Record<string, string> = {}, input = '') =>
  runCommand(args, { env, input, cwd: folder });

/** What a login of this account says of it. */
async function login(origin: string, emailOrUsername: string, password: string) {
  const { data, errors } = await gql<{ login: { user: { username: string; role: string } } }>(origin, LOGIN, {
    input: { emailOrUsername, password },
  });
  return data?.login.user ?? errors.map(({ extensions }) => extensions.code);
}

describe('on the database of a service', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer({ SWEEP_INTERVAL_SECONDS: '3600' });
  });
  afterAll(() => server?.stop());

  const admin = (username: string, ...more: string[]) =>
    ['users', 'create-admin', '--username', username, '--email', `${username}@example.org`].concat(more);

  test('create-admin makes an account that logs in as ADMIN', async () => {
    const made = await run(admin('Root'), server.env, 'correct horse battery\nwhat follows is not read\n');
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(made.stdout).toMatch(/^Created the administrator Root \([0-9a-f]{24}\)\.\n$/);
    expect(await login(server.origin, 'root@example.org', 'correct horse battery')).toMatchObject({
      username: 'Root',
      role: 'ADMIN',
    });
    expect(await login(server.origin, 'root', 'correct horse battery\n')).toEqual(['UNAUTHENTICATED']);
  });

  test.each<[string, string[], string, number, RegExp]>([
    ['no password', admin('someone'), '', 2, /no password was given/],
    ['an empty first line', admin('someone'), '\ncorrect horse\n', 2, /no password was given/],
    ['a short password', admin('someone'), 'short\n', 2, /8 to 200 characters/],
    ['a long password', admin('someone'), `${'x'.repeat(201)}\n`, 2, /8 to 200 characters/],
    ['a name of another form', admin('some-one'), 'correct horse\n', 2, /3 to 30 letters/],
    [
      'an address that is none',
      ['users', 'create-admin', '--username', 'someone', '--email', 'root@localhost'],
      'correct horse\n',
      2,
      /not an email address/,
    ],
    ['somebody to promote who is not there', admin('nobody', '--promote'), '', 1, /No usable account/],
  ])('create-admin refuses %s', async (_what, args, input, code, text) => {
    expectFailure(await run(args, server.env, input), code, text);
    expect(await login(server.origin, 'someone', input.trim() || 'x')).not.toMatchObject({ role: 'ADMIN' });
  });

  test('create-admin refuses names that are taken, whatever their case, and leaves their owner as it was', async () => {
    const ann = await register(server.origin);
    const named = await run(admin(ann.username.toUpperCase()), server.env, 'another password\n');
    expectFailure(named, 1, /This username is taken/);
    const address = [
      'users',
      'create-admin',
      '--username',
      'other',
      '--email',
      `${ann.username}@EXAMPLE.org`,
    ];
    expectFailure(await run(address, server.env, 'another password\n'), 1, /This email address is taken/);
    expect(await login(server.origin, ann.username, ann.password)).toMatchObject({ role: 'USER' });
  });

  test('create-admin --promote makes an ADMIN of an account and leaves its password', async () => {
    const [ann, ben] = [await register(server.origin), await register(server.origin)];
    const both = ['users', 'create-admin', '--promote', '--username', ann.username.toUpperCase(), '--email'];
    expectFailure(await run([...both, `${ben.username}@example.org`], server.env), 1, /No usable account/);
    const promoted = await run([...both, `${ann.username}@example.org`], server.env);
    expect(promoted).toMatchObject({ code: 0, stdout: `${ann.username} (${ann.id}) is an administrator.\n` });
    expect(await login(server.origin, ann.username, ann.password)).toMatchObject({ role: 'ADMIN' });
    expect(await login(server.origin, ben.username, ben.password)).toMatchObject({ role: 'USER' });
    const address = ['users', 'create-admin', '--promote', '--email', `${ben.username}@example.org`];
    expect(await run(address, server.env)).toMatchObject({ code: 0 });
    expect(await login(server.origin, ben.username, ben.password)).toMatchObject({ role: 'ADMIN' });
  });

  test('migrate finds nothing to do where a service runs', async () => {
    expect(await run(['migrate'], server.env)).toEqual({ code: 0, stdout: 'Nothing to do.\n', stderr: '' });
  });

  test('jobs list names every job and says what it does', async () => {
    const { code, stdout } = await run(['jobs', 'list'], server.env);
    expect(code).toBe(0);
    const named = stdout
      .trimEnd()
      .split('\n')
      .map((line) => /^([\w-]+) {2,}\w+/.exec(line)?.[1]);
    expect(named).toEqual(expect.arrayContaining(JOBS));
  });

  test('jobs run does what it is named, in that order, and all of them on request', async () => {
    const some = await run(['jobs', 'run', 'trash', 'expired'], server.env);
    expect(some.stdout).toMatch(/^trash: dealt with 0 \(\d+ ms\)\nexpired: dealt with 0 \(\d+ ms\)\n$/);
    const all = await run(['jobs', 'run', 'all'], server.env);
    const ran = [...all.stdout.matchAll(/^([\w-]+): dealt with \d+ \(\d+ ms\)$/gm)].map(([, name]) => name);
    expect(ran).toEqual(expect.arrayContaining(JOBS));
    expect([some.code, all.code, some.stderr, all.stderr]).toEqual([0, 0, '', '']);
  });

  test('jobs run tells of a job that fails, goes on with the others and ends with 1', async () => {
    const inspector = await Inspector.of(server);
    const blobs = inspector.connection.collection('blobs');
    const place = { provider: 'aws', location: 'elsewhere', key: '0'.repeat(32) };
    const lost = { hash: '0', size: 1, ...place, refCount: 0, live: true, unreferencedAt: new Date(0) };
    try {
      await blobs.insertOne(lost);
      const { code, stdout, stderr } = await run(['jobs', 'run', 'blobs', 'trash'], server.env);
      expect(code).toBe(1);
      expect(stdout).toMatch(/^blobs: failed \(\d+ ms\)\ntrash: dealt with 0 \(\d+ ms\)\n$/);
      expect(stderr).toMatch(/^imaginary: blobs failed: .*The provider aws is not configured[^\n]*\n$/);
    } finally {
      await blobs.deleteMany({ key: place.key });
      await inspector.close();
    }
  });

  test('jobs run leaves alone what another process is at', async () => {
    const inspector = await Inspector.of(server);
    const leases = inspector.connection.collection<{ _id: string; holder: string; until: Date }>('leases');
    try {
      const until = new Date(Date.now() + 60_000);
      await leases.insertOne({ _id: 'job trash', holder: 'another process', until });
      const { code, stdout } = await run(['jobs', 'run', 'trash'], server.env);
      expect({ code, stdout }).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^trash: left alone/),
      });
    } finally {
      await leases.deleteMany({ holder: 'another process' });
      await inspector.close();
    }
  });

  test('jobs run runs nothing when one of the names is unknown', async () => {
    expectFailure(await run(['jobs', 'run', 'trash', 'dust'], server.env), 2, /unknown job 'dust'; see/);
  });
});

describe('beside a service that runs on the embedded engine', () => {
  const started: RunningServer[] = [];
  let data: string;
  const serveEmbedded = async () => {
    const server = await startServer({ DATA_PATH: data, MONGODB_URI: null });
    started.push(server);
    return server;
  };
  beforeAll(async () => {
    data = await mkdtemp(join(folder, 'embedded-'));
  });
  afterEach(async () => {
    for (const server of started.splice(0)) await server.stop('SIGKILL').catch(() => undefined);
  });

  test('commands work on its data, and it goes on', async () => {
    const server = await serveEmbedded();
    const spilled = join(data, 'spill', 'imaginary-part');
    await writeFile(spilled, 'a part of a request that is under way');
    const args = ['users', 'create-admin', '--username', 'root', '--email', 'root@example.org'];
    const [made, swept] = await Promise.all([
      run(args, server.env, 'correct horse battery\n'),
      run(['jobs', 'run', 'all'], server.env),
    ]);
    expect([made.code, made.stderr, swept.code, swept.stderr]).toEqual([0, '', 0, '']);
    await access(spilled);
    expect(await login(server.origin, 'root', 'correct horse battery')).toMatchObject({ role: 'ADMIN' });
    const ready = await send(server.origin, { method: 'GET', path: '/health/ready' });
    expect(ready.status).toBe(200);
    expect(await server.stop()).toBe(0);
  });

  test('what a killed service left does not mislead, and what it stored is there', async () => {
    const server = await serveEmbedded();
    const ann = await register(server.origin);
    await server.kill();
    const args = ['users', 'create-admin', '--promote', '--username', ann.username];
    expect(await run(args, server.env)).toMatchObject({ code: 0, stderr: '' });
    const again = await serveEmbedded();
    expect(await login(again.origin, ann.username, ann.password)).toMatchObject({ role: 'ADMIN' });
    expect(await again.stop()).toBe(0);
  });

  test('two commands at once, without a service, wait for each other', async () => {
    const env = { DATA_PATH: data, UPLOAD_PATH: join(data, 'blobs') };
    const runs = await Promise.all([1, 2].map(() => run(['jobs', 'run', 'all'], env)));
    expect(runs.map(({ code }) => code)).toEqual([0, 0]);
  });

  test('`imaginary serve` serves, and stops with 0 when asked to', async () => {
    const env = { DATA_PATH: data, UPLOAD_PATH: join(data, 'blobs'), PORT: '0', LOG_LEVEL: 'warn' };
    const service = startCommand(['serve'], { cwd: folder, env });
    const [, origin = ''] = await service.says(/^imaginaryStorage is ready: .*?(https?:\/\/[^/\s]+)/m);
    expect((await send(origin, { method: 'GET', path: '/health/ready' })).status).toBe(200);
    service.kill('SIGTERM');
    expect(await service.ended).toMatchObject({ code: 0, stderr: '' });
  });
});
