import { pbkdf2Sync, randomBytes, scrypt, scryptSync } from 'node:crypto';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { parsePasswordHash } from './password-hash.ts';
import { type DeriveKey, Passwords } from './passwords.ts';

const CHEAP = { ln: 4, r: 8, p: 1 };
const cheap = new Passwords({ cost: CHEAP });

function counted() {
  const calls: { length: number; N: number | undefined }[] = [];
  const derive: DeriveKey = (password, salt, length, options) => {
    calls.push({ length, N: options.N });
    return promisify<string, Buffer, number, object, Buffer>(scrypt)(password, salt, length, options);
  };
  return { calls, passwords: new Passwords({ cost: CHEAP, derive }) };
}

function oldHash(password: string, saltForm: 'text' | 'bytes') {
  const salt = randomBytes(16);
  const fed = saltForm === 'text' ? salt.toString('hex') : salt;
  const key = pbkdf2Sync(password, fed, 10_000, 64, 'sha512');
  return `${salt.toString('hex')}:${key.toString('hex')}`;
}

const phc = (parameters: string, salt = randomBytes(16), key = randomBytes(64)) =>
  `$scrypt$${parameters}$${salt.toString('base64').replaceAll('=', '')}$${key.toString('base64').replaceAll('=', '')}`;

test('a hash is a PHC string of scrypt with N=2^15, r=8, p=3, a 16-byte salt and a 64-byte key', async () => {
  const stored = await new Passwords().hash('correct horse');
  expect(stored).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{86}$/);
  const [, , , salt = '', key = ''] = stored.split('$');
  const again = scryptSync('correct horse', Buffer.from(salt, 'base64'), 64, {
    N: 2 ** 15,
    r: 8,
    p: 3,
    maxmem: 64 * 1024 * 1024,
  });
  expect(again).toEqual(Buffer.from(key, 'base64'));
});

test('a hash verifies its own password and no other, and differs each time', async () => {
  const stored = await cheap.hash('correct horse');
  expect(await cheap.verify('correct horse', stored)).toBe(true);
  expect(await cheap.verify('correct horsf', stored)).toBe(false);
  expect(await cheap.verify('', stored)).toBe(false);
  expect(await cheap.hash('correct horse')).not.toBe(stored);
});

test.each(['text', 'bytes'] as const)(
  'an older hash whose salt was fed as %s still verifies',
  async (form) => {
    const stored = oldHash('correct horse', form);
    expect(await cheap.verify('correct horse', stored)).toBe(true);
    expect(await cheap.verify('wrong horse', stored)).toBe(false);
    expect(cheap.needsRehash(stored)).toBe(true);
  },
);

test('only a hash of today’s cost and sizes needs no rehash', async () => {
  expect(cheap.needsRehash(await cheap.hash('correct horse'))).toBe(false);
  expect(cheap.needsRehash(phc('ln=5,r=8,p=1'))).toBe(true);
  expect(cheap.needsRehash(phc('ln=4,r=8,p=1', randomBytes(8)))).toBe(true);
  expect(cheap.needsRehash(phc('ln=4,r=8,p=1', randomBytes(16), randomBytes(32)))).toBe(true);
});

test('nobody’s password costs the same derivation as somebody’s', async () => {
  const { calls, passwords } = counted();
  const stored = await passwords.hash('correct horse');
  calls.length = 0;
  await passwords.verify('wrong horse', stored);
  await passwords.verifyAgainstNothing('wrong horse');
  await passwords.verify('wrong horse', oldHash('correct horse', 'text'));
  await passwords.verify('wrong horse', '!');
  expect(calls).toEqual(Array(4).fill({ length: 64, N: 16 }));
});

test.each([
  ['memory beyond the bound', phc('ln=30,r=8,p=1')],
  ['blocks beyond the bound', phc('ln=15,r=99,p=1')],
  ['work beyond the bound', phc('ln=15,r=8,p=99')],
  ['an N that scrypt does not define', phc('ln=16,r=1,p=1')],
  ['a zero', phc('ln=0,r=8,p=1')],
  ['a key so short that it could be guessed', phc('ln=4,r=8,p=1', randomBytes(16), randomBytes(8))],
  ['another function', '$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaA'],
  ['a plain password', 'correct horse'],
  ['nothing', ''],
  ['no string', { $ne: null }],
])('a stored string with %s is no hash', (_, stored) => {
  expect(parsePasswordHash(stored)).toBeNull();
});

test('two derivations run at once, never three', async () => {
  let running = 0;
  let most = 0;
  const derive: DeriveKey = async (_password, _salt, length) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running -= 1;
    return Buffer.alloc(length);
  };
  const passwords = new Passwords({ derive });
  await Promise.all(Array.from({ length: 20 }, () => passwords.hash('correct horse')));
  expect(most).toBe(2);
});
