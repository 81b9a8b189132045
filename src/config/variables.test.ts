import { expect, test } from 'vitest';
import { readConfig } from '../config.ts';

const SECRET = 'A'.repeat(43);

test('without any variable there is a configuration that a laptop can start with', () => {
  expect(readConfig({})).toMatchObject({ HOST: '127.0.0.1', trustProxy: false, playground: true });
});

test.each([
  ['a proxy that is trusted without saying which', { TRUST_PROXY: 'true' }, 'TRUST_PROXY'],
  ['a limit without its time', { RATE_LIMITS: 'api=5' }, 'RATE_LIMITS'],
  ['a mail server without a sender', { EMAIL_HOST: 'mail.example.org' }, 'EMAIL_FROM'],
  ['a name for the mail server without a password', { EMAIL_USER: 'ann' }, 'EMAIL_PASS'],
  ['a master key of another length', { ENCRYPTION_KEYS: `one:${SECRET}` }, 'ENCRYPTION_KEYS'],
  ['two master keys of one name', { ENCRYPTION_KEYS: `one:${SECRET}=,one:B${SECRET.slice(1)}=` }, 'one'],
])('%s stops the start, by the name of the variable and without its value', (_what, variables, name) => {
  let message = '';
  try {
    readConfig(variables);
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message).toContain(name);
  expect(message).not.toContain('AAAA');
});

test.each([
  ['2', 2],
  ['10.0.0.0/8, 192.0.2.7', ['10.0.0.0/8', '192.0.2.7']],
])('TRUST_PROXY=%s trusts as many, or those', (text, trusted) => {
  expect(readConfig({ TRUST_PROXY: text }).trustProxy).toEqual(trusted);
});
