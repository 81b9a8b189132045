import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCommand, startCommand } from '../../support/cli.ts';
import { expectFailure } from '../../support/failed-command.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));

const run = (args: readonly string[], env: Record<string, string> = {}, input = '') =>
  runCommand(args, { env, input, cwd: folder });

test('says what there is, on stdout', async () => {
  const { code, stdout, stderr } = await run(['--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const name of ['serve', 'migrate', 'jobs', 'users', 'storage']) {
    expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
  }
});

test.each(['jobs', 'users', 'storage', 'jobs run', 'storage move', 'storage check'])(
  'says what there is to know about `%s`',
  async (name) => {
    const { code, stdout, stderr } = await run([...name.split(' '), '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Usage: imaginary ${name} `);
  },
);

test('tells its version', async () => {
  const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../../../package.json'), 'utf8'));
  expect(await run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

test('without a command shows on stderr what there is, and fails', async () => {
  const { code, stdout, stderr } = await run([]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('Usage: imaginary');
});

test.each<[string[], RegExp]>([
  [['serv'], /unknown command 'serv' \(Did you mean serve\?\); see `imaginary --help`/],
  [['jobs', 'rum'], /unknown command 'rum'.*see/],
  [['storage', 'nothing'], /unknown command 'nothing'.*see/],
  [['--loud', 'jobs', 'list'], /unknown option '--loud'.*see/],
  [['jobs', 'list', '--loud'], /unknown option '--loud'.*see/],
  [['storage', 'check', '--loud'], /unknown option '--loud'.*see/],
  [['jobs', 'run'], /missing required argument 'name'.*see/],
  [['migrate', 'again'], /too many arguments.*see/],
  [['users', 'create-admin', '--username'], /argument missing.*see/],
  [['users', 'create-admin', '--username', 'root'], /needs --username and --email/],
  [['users', 'create-admin', '--promote'], /needs --username or --email/],
])('refuses %j with one line and 2', async (args, text) => {
  expectFailure(await run(args), 2, text);
});

test('says every mistake of the configuration in one line', async () => {
  const wrong = await run(['jobs', 'list'], { PORT: 'x', STORAGE_PROVIDER: 'y' });
  expectFailure(wrong, 1, /The configuration is not right: PORT must .*; STORAGE_PROVIDER must/);
});

test('reads what .env sets, which the environment overrules', async () => {
  const cwd = join(folder, 'with-env');
  await mkdir(cwd);
  await writeFile(join(cwd, '.env'), 'PORT=from-file\nHOST=\nSTORAGE_PROVIDER=from-file\n');
  const { stderr } = await runCommand(['migrate'], { cwd, env: { STORAGE_PROVIDER: 'local' } });
  expect(stderr).toMatch(/PORT must/);
  expect(stderr).not.toMatch(/STORAGE_PROVIDER/);
});

test('says more of an error with --verbose: where it comes from, and its cause', async () => {
  const file = join(folder, 'a-file');
  await writeFile(file, '');
  const env = { DATA_PATH: folder, UPLOAD_PATH: join(file, 'blobs') };
  expectFailure(await run(['migrate'], env), 1, /storage.*\(ENOTDIR: /i);
  const { code, stderr } = await run(['migrate', '--verbose'], env);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^imaginary: .*storage/im);
  expect(stderr).toMatch(/^ +at .*:\d+/m);
  expect(stderr).toMatch(/^caused by .*ENOTDIR/m);
});

test('SIGINT stops a command at once, whatever it waits for, with 130', async () => {
  const deaf = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
  await once(deaf, 'listening');
  try {
    const reached = new Promise((resolve) => deaf.once('connection', resolve));
    const { port } = deaf.address() as AddressInfo;
    const env = { MONGODB_URI: `mongodb://127.0.0.1:${port}`, DATA_PATH: folder };
    const command = startCommand(['jobs', 'list'], { cwd: folder, env });
    await reached;
    const since = Date.now();
    command.kill('SIGINT');
    expectFailure(await command.ended, 130, 'imaginary: stopped by SIGINT');
    expect(Date.now() - since).toBeLessThan(5_000);
  } finally {
    deaf.close();
  }
});
