import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  codesOf,
  from,
  loginFrom,
  newName,
  PASSWORD,
  registerFrom,
  retryAfterOf,
} from '../../support/limited-clients.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

let server: RunningServer;
let networks = 0;

/** Addresses that no other test uses. */
function network(): (host: number) => string {
  networks += 1;
  const own = networks;
  return (host) => `10.0.${own}.${host}`;
}

beforeAll(async () => {
  server = await startServer({
    TRUST_PROXY: '1',
    RATE_LIMITS: 'register=off,api=off,transfers=off,login-address=8/900,login-total=4/900,tokens=3/900',
  });
});

afterAll(async () => {
  await server?.stop();
});

async function account(address: string): Promise<{ name: string; token: string }> {
  const name = newName();
  const answer = await registerFrom(server.origin, address, name);
  return { name, token: answer.data?.register.accessToken ?? '' };
}

const guess = (address: string, name: string) => loginFrom(server.origin, address, name, 'wrong password');

async function guessOften(address: string, name: string, times: number): Promise<string[]> {
  const answers = await Promise.all(Array.from({ length: times }, () => guess(address, name)));
  return answers.flatMap(codesOf);
}

const count = (codes: readonly string[], code: string) => codes.filter((each) => each === code).length;

describe('guesses of a password', () => {
  it('are five, also when fifty come at once, and the right one is then refused as well', async () => {
    const at = network();
    const { name } = await account(at(1));
    const codes = await guessOften(at(2), name, 50);
    expect(count(codes, 'UNAUTHENTICATED')).toBe(5);
    expect(count(codes, 'RATE_LIMITED')).toBe(45);
    const right = await loginFrom(server.origin, at(2), name);
    expect(codesOf(right)).toEqual(['RATE_LIMITED']);
    expect(retryAfterOf(right)).toBeGreaterThan(800);
  });

  it('do not keep the owner out', async () => {
    const at = network();
    const { name } = await account(at(1));
    await guessOften(at(2), name, 9);
    const began = performance.now();
    expect(codesOf(await loginFrom(server.origin, at(1), name))).toEqual([]);
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(codesOf(await loginFrom(server.origin, at(3), name))).toEqual([]);
  });

  it('count by account, whether by its name or by its address', async () => {
    const at = network();
    const { name } = await account(at(1));
    await guessOften(at(2), name, 3);
    await guessOften(at(2), `${name.toUpperCase()}@example.org`, 2);
    expect(codesOf(await guess(at(2), name.toUpperCase()))).toEqual(['RATE_LIMITED']);
  });

  it('at a name that nobody has are refused as those at a name that somebody has', async () => {
    const at = network();
    const { name } = await account(at(1));
    const [known, unknown] = [await guessOften(at(2), name, 7), await guessOften(at(3), newName(), 7)];
    expect(unknown.toSorted()).toEqual(known.toSorted());
    const [one, other] = [await guess(at(2), name), await guess(at(3), newName())];
    expect(codesOf(one)).toEqual(['RATE_LIMITED']);
    expect(codesOf(other)).toEqual(['UNAUTHENTICATED']);
  });

  it('at many names are limited by the address they come from', async () => {
    const at = network();
    const names = Array.from({ length: 12 }, newName);
    const codes = (await Promise.all(names.map((name) => guess(at(1), name)))).flatMap(codesOf);
    expect(count(codes, 'UNAUTHENTICATED')).toBe(8);
    expect(count(codes, 'RATE_LIMITED')).toBe(4);
  });

  it('are forgiven once the right password came', async () => {
    const at = network();
    const { name } = await account(at(1));
    for (let round = 0; round < 3; round += 1) {
      expect(count(await guessOften(at(1), name, 2), 'UNAUTHENTICATED')).toBe(2);
      expect(codesOf(await loginFrom(server.origin, at(1), name))).toEqual([]);
    }
    expect(count(await guessOften(at(1), name, 6), 'UNAUTHENTICATED')).toBe(2);
  });

  it('by changing the password count with those by logging in', async () => {
    const at = network();
    const { name, token } = await account(at(1));
    const change = (oldPassword: string) =>
      from(
        server.origin,
        at(1),
        'mutation ($o: String!, $n: String!) { changePassword(oldPassword: $o, newPassword: $n) }',
        {
          variables: { o: oldPassword, n: 'another password' },
          token,
        },
      );
    for (let i = 0; i < 5; i += 1)
      expect(codesOf(await change('wrong password'))).toEqual(['BAD_USER_INPUT']);
    expect(codesOf(await change(PASSWORD))).toEqual(['RATE_LIMITED']);
    expect(codesOf(await loginFrom(server.origin, at(1), name))).toEqual(['RATE_LIMITED']);
  });
});

describe('guesses from many addresses', () => {
  it('make the account slow for addresses it does not know, and for no other', async () => {
    const at = network();
    const { name } = await account(at(1));
    // Four are free; of the following ones each waits longer, and no more than eight at once.
    await guessOften(at(10), name, 4);
    const codes = (await Promise.all(Array.from({ length: 12 }, (_, i) => guess(at(100 + i), name)))).flatMap(
      codesOf,
    );
    expect(count(codes, 'UNAUTHENTICATED')).toBe(8);
    expect(count(codes, 'RATE_LIMITED')).toBe(4);

    const known = performance.now();
    expect(codesOf(await loginFrom(server.origin, at(1), name))).toEqual([]);
    expect(performance.now() - known).toBeLessThan(2_000);

    const unknown = performance.now();
    expect(codesOf(await loginFrom(server.origin, at(200), name))).toEqual([]);
    expect(performance.now() - unknown).toBeGreaterThan(2_000);
  });
});

describe('tokens that are tried in vain', () => {
  it('are limited by address, and those that are right do not count', async () => {
    const at = network();
    const refresh = (token: string) =>
      from<{ refreshToken: { refreshToken: string } }>(
        server.origin,
        at(1),
        'mutation ($t: String!) { refreshToken(refreshToken: $t) { refreshToken } }',
        {
          variables: { t: token },
        },
      );
    const registered = await from<{ register: { refreshToken: string } }>(
      server.origin,
      at(1),
      'mutation ($input: RegisterInput!) { register(input: $input) { refreshToken } }',
      {
        variables: { input: { username: newName(), email: `${newName()}@example.org`, password: PASSWORD } },
      },
    );
    let token = registered.data?.register.refreshToken ?? '';
    for (let i = 0; i < 5; i += 1) {
      const answer = await refresh(token);
      expect(codesOf(answer)).toEqual([]);
      token = answer.data?.refreshToken.refreshToken ?? '';
    }
    for (let i = 0; i < 3; i += 1)
      expect(codesOf(await refresh(`no token ${i}`))).toEqual(['UNAUTHENTICATED']);
    expect(codesOf(await refresh(token))).toEqual(['RATE_LIMITED']);
  });
});
