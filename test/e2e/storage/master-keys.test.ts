import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runCommand } from '../../support/cli.ts';
import { bodyOf, masterKey, SealedServer } from '../../support/sealed-server.ts';

const wrong = (name: string) => `${name}:${randomBytes(32).toString('base64')}`;
let site: SealedServer;

beforeAll(async () => {
  site = await SealedServer.open(masterKey('first'));
});
afterAll(() => site?.close());

const add = (content: Buffer) => site.add(content);
const get = (id: string) => site.get(id);
const told = (id: string) => site.told(id);
const command = (...args: string[]) =>
  runCommand(args, { env: site.server.env as Record<string, string>, cwd: site.home.dataPath });

describe('The master keys', { timeout: 90_000 }, () => {
  it('are rotated by a command while files are read, and the former one is not needed any more', async () => {
    const content = randomBytes(400_000);
    const id = await add(content);
    const others = await Promise.all(Array.from({ length: 20 }, (_, i) => add(randomBytes(100 + i))));
    await site.restart({ ENCRYPTION_KEYS: `${masterKey('second')},${masterKey('first')}` });
    const newest = await add(randomBytes(500));
    expect(await told(newest)).toMatchObject({ encryption: { keyId: 'second' } });
    let isOver = false;
    const failures: number[] = [];
    const reading = (async () => {
      while (!isOver) {
        const answer = await get(id);
        if (!(await bodyOf(answer))?.equals(content)) failures.push(answer.status);
      }
    })();
    const run = await command('keys', 'rotate');
    isOver = true;
    await reading;
    expect(failures).toEqual([]);
    expect(run).toMatchObject({ code: 0 });
    expect(run.stdout).toMatch(
      /^\d+ keys were wrapped with second\.\nENCRYPTION_KEYS no longer needs first\.\n$/,
    );
    for (const each of [id, ...others])
      expect(await told(each)).toMatchObject({ encryption: { keyId: 'second' } });
    expect((await command('keys', 'rotate')).stdout).toContain('0 keys were wrapped');
    await site.restart({ ENCRYPTION_KEYS: masterKey('second') });
    expect((await bodyOf(await get(id)))?.equals(content)).toBe(true);
    expect((await command('keys', 'status')).stdout).toMatch(
      /^second: encrypts new contents, wraps \d+ keys\n$/,
    );
  });

  it('when one is missing or wrong, contents are 503, the log is alerted, and all else goes on', async () => {
    const content = randomBytes(50_000);
    const id = await add(content);
    for (const [keys, trouble] of [
      [masterKey('third'), 'missing'],
      [`${masterKey('third')},${wrong('second')}`, 'wrong'],
    ] as const) {
      await site.restart({ ENCRYPTION_KEYS: keys });
      await vi.waitFor(() => expect(site.server.log()).toContain(`the master key second is ${trouble}`));
      const answer = await get(id);
      expect(answer.status).toBe(503);
      expect(await answer.text()).toContain('STORAGE_UNAVAILABLE');
      await vi.waitFor(() => expect(site.server.log()).toContain('contents cannot be decrypted'));
      const status = await command('keys', 'status');
      expect(status.code).toBe(1);
      expect(status.stdout).toMatch(trouble === 'wrong' ? /second: is WRONG/ : /second: is NOT configured/);
      const other = randomBytes(100);
      expect((await bodyOf(await get(await add(other))))?.equals(other)).toBe(true);
    }
    await site.restart({ ENCRYPTION_KEYS: `${masterKey('third')},${masterKey('second')}` });
    expect((await bodyOf(await get(id)))?.equals(content)).toBe(true);
    for (const secret of [masterKey('third'), masterKey('second')]) {
      expect(site.server.log()).not.toContain(secret.slice(secret.indexOf(':') + 1));
    }
  });

  it('stop the start where the first is another one than its name has stood for, and keep a rotation from it', async () => {
    const others = `${wrong('third')},${masterKey('second')}`;
    await site.add(randomBytes(10));
    await expect(site.restart({ ENCRYPTION_KEYS: others })).rejects.toThrow('another key than the one');
    const env = { ...site.server.env, ENCRYPTION_KEYS: others } as Record<string, string>;
    const run = await runCommand(['keys', 'rotate'], { env, cwd: site.home.dataPath });
    expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining('another key than the one') });
    await site.restart({ ENCRYPTION_KEYS: `${masterKey('third')},${masterKey('second')}` });
    expect((await command('keys', 'status')).code).toBe(0);
  });

  it('are refused when they are not right, and no message shows one', async () => {
    const secret = masterKey('a').slice(2);
    for (const keys of [
      `a:${secret},a:${masterKey('b').slice(2)}`,
      `a:${secret},b:${secret}`,
      `a:${secret}x`,
      secret,
    ]) {
      const env = { ...site.server.env, ENCRYPTION_KEYS: keys } as Record<string, string>;
      const run = await runCommand(['keys', 'status'], { env, cwd: site.home.dataPath });
      expect(run.code).not.toBe(0);
      expect(run.stderr).toContain('ENCRYPTION_KEYS');
      expect(run.stderr + run.stdout).not.toContain(secret);
    }
  });
});
