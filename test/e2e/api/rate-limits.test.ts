import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { send, uploadAll } from '../../support/client.ts';
import { codesOf, from, newName, registerFrom, retryAfterOf } from '../../support/limited-clients.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { openRelay, type TcpRelay } from '../../support/tcp-relay.ts';

const RATE_LIMITS = 'register=3/900,api=100/60,uploads=3/3600,transfers=20/60';

let one: RunningServer;
let other: RunningServer;

beforeAll(async () => {
  const env = { TRUST_PROXY: '1', RATE_LIMITS, JWT_SECRET: randomBytes(32).toString('hex') };
  one = await startServer(env);
  other = await startServer({ ...env, MONGODB_URI: one.env.MONGODB_URI });
});

afterAll(async () => {
  await other?.stop();
  await one?.stop();
});

describe('two servers on one database', () => {
  it('share a limit, and tell whoever is over it when to come again', async () => {
    for (const { origin } of [one, other, one]) {
      expect(codesOf(await registerFrom(origin, '203.0.113.1'))).toEqual([]);
    }
    const refused = await registerFrom(other.origin, '203.0.113.1');
    expect(codesOf(refused)).toEqual(['RATE_LIMITED']);
    expect(retryAfterOf(refused)).toBeGreaterThan(890);
    expect(retryAfterOf(refused)).toBeLessThanOrEqual(900);
    expect(refused.headers['retry-after']).toBe(String(retryAfterOf(refused)));
    expect(codesOf(await registerFrom(other.origin, '203.0.113.2'))).toEqual([]);
  });

  it('count all addresses of an IPv6 /64 as one', async () => {
    for (const host of ['1', '2', 'a:b:c:d']) {
      const address = host.includes(':') ? `2001:db8:1:1:${host}` : `2001:db8:1:1::${host}`;
      expect(codesOf(await registerFrom(one.origin, address))).toEqual([]);
    }
    expect(codesOf(await registerFrom(one.origin, '2001:db8:1:1::ffff'))).toEqual(['RATE_LIMITED']);
    expect(codesOf(await registerFrom(one.origin, '2001:db8:1:2::1'))).toEqual([]);
  });
});

describe('the fields of answers', () => {
  it('name each limit that was spent of, what is left and when all is there again', async () => {
    const { headers } = await from(one.origin, '203.0.113.10', '{ a: __typename b: __typename }');
    expect(headers['ratelimit-policy']).toBe('"api";q=100;w=60');
    expect(headers.ratelimit).toMatch(/^"api";r=98;t=(60|59)$/);

    const registered = await registerFrom(one.origin, '203.0.113.10');
    expect(registered.headers['ratelimit-policy']).toBe('"api";q=100;w=60, "register";q=3;w=900');
    expect(registered.headers.ratelimit).toMatch(/^"api";r=97;t=\d+, "register";r=2;t=(900|899)$/);
  });
});

describe('operations', () => {
  const aliases = (count: number) =>
    `{ ${Array.from({ length: count }, (_, i) => `a${i}: __typename`).join(' ')} }`;

  it('count each alias at their root, and answer 429 once there are too many', async () => {
    const address = '203.0.113.20';
    for (let i = 0; i < 5; i += 1) {
      expect((await from(one.origin, address, aliases(20))).status).toBe(200);
    }
    const refused = await from(one.origin, address, aliases(1));
    expect(refused.status).toBe(429);
    expect(codesOf(refused)).toEqual(['RATE_LIMITED']);
    expect(Number(refused.headers['retry-after'])).toBe(retryAfterOf(refused));
    expect(refused.headers.ratelimit).toMatch(/^"api";r=0;t=\d+$/);
  });

  it('count also when they cannot be read', async () => {
    const answers = [];
    for (let i = 0; i < 101; i += 1) answers.push(await from(one.origin, '203.0.113.21', `{ nothing${i} `));
    expect(answers.at(-2)?.status).toBe(400);
    expect(answers.at(-1)?.status).toBe(429);
  });

  it('count by account wherever it is, and no account by another one', async () => {
    const token = (await registerFrom(one.origin, '203.0.113.30')).data?.register.accessToken ?? '';
    const neighbour = (await registerFrom(one.origin, '203.0.113.30')).data?.register.accessToken ?? '';
    for (let i = 0; i < 5; i += 1) {
      expect((await from(one.origin, `203.0.113.${31 + i}`, aliases(20), { token })).status).toBe(200);
    }
    expect((await from(other.origin, '203.0.113.40', aliases(1), { token })).status).toBe(429);
    expect((await from(other.origin, '203.0.113.40', aliases(1), { token: neighbour })).status).toBe(200);
  });

  it('count each file of a batch', async () => {
    const token = (await registerFrom(one.origin, '203.0.113.50')).data?.register.accessToken ?? '';
    const files = [{ content: 'one' }, { content: 'two' }];
    const taken = await uploadAll(one.origin, token, files);
    expect(codesOf(taken)).toEqual([]);
    expect(taken.headers.ratelimit).toMatch(/"uploads";r=1;t=\d+/);
    expect(codesOf(await uploadAll(one.origin, token, files))).toEqual(['RATE_LIMITED']);
    expect(codesOf(await uploadAll(one.origin, token, files.slice(1)))).toEqual([]);
  });
});

describe('plain requests', () => {
  const get = (path: string) =>
    send(one.origin, { method: 'GET', path, headers: { 'x-forwarded-for': '203.0.113.60' } });

  it('count by address, but for those of probes', async () => {
    const path = `/files/${randomBytes(12).toString('hex')}/content`;
    for (let i = 0; i < 20; i += 1) expect((await get(path)).status).toBe(404);
    const refused = await get(path);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(50);
    expect(refused.headers.ratelimit).toMatch(/^"transfers";r=0;t=\d+$/);
    expect(refused.text).toContain('"RATE_LIMITED"');
    expect((await get('/health/live')).status).toBe(200);
  });
});

describe('counts in Redis', () => {
  let relay: TcpRelay;
  let near: RunningServer;
  let far: RunningServer;

  beforeAll(async () => {
    const redis = new URL(process.env.TEST_REDIS_URL ?? '');
    relay = await openRelay({ host: redis.hostname, port: Number(redis.port) });
    const database = randomBytes(1).readUInt8() % 16;
    const env = { RATE_LIMITS, MONGODB_URI: one.env.MONGODB_URI };
    near = await startServer({ ...env, REDIS_URL: `redis://127.0.0.1:${relay.port}/${database}` });
    far = await startServer({
      ...env,
      REDIS_URL: `${redis.origin === 'null' ? redis.href : redis}/${database}`,
    });
  });

  afterAll(async () => {
    await near?.stop();
    await far?.stop();
    await relay?.close();
  });

  it('are shared by two servers; what a client says of its own address is not believed', async () => {
    for (const [i, { origin }] of [near, far, near].entries()) {
      expect(codesOf(await registerFrom(origin, `198.51.100.${i}`))).toEqual([]);
    }
    const refused = await registerFrom(far.origin, '198.51.100.99');
    expect(codesOf(refused)).toEqual(['RATE_LIMITED']);
    expect(retryAfterOf(refused)).toBeGreaterThan(890);
  });

  it('are replaced by those of each server while Redis hangs, and no request waits long', async () => {
    relay.hang();
    const began = performance.now();
    expect(codesOf(await registerFrom(near.origin, '', newName()))).toEqual([]);
    expect(performance.now() - began).toBeLessThan(4_000);
    expect(near.log()).toContain('rate limits are counted by this node alone');
    for (let i = 0; i < 2; i += 1) await registerFrom(near.origin, '');
    expect(codesOf(await registerFrom(near.origin, ''))).toEqual(['RATE_LIMITED']);
  });

  it('are replaced at once while Redis is gone', async () => {
    await relay.close();
    const began = performance.now();
    expect(
      (
        await send(near.origin, {
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ query: '{ __typename }' }),
        })
      ).status,
    ).toBe(200);
    expect(performance.now() - began).toBeLessThan(1_500);
  });
});

describe('RATE_LIMITS', () => {
  it('stops the start where it names a limit that is not there', async () => {
    await expect(startServer({ RATE_LIMITS: 'logins=5/60' })).rejects.toThrow(
      /RATE_LIMITS names the limit "logins"/,
    );
  });
});
