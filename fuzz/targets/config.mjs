import fc from 'fast-check';
import { ENVIRONMENT, readConfig } from '../../dist/config.js';

const NAMES = Object.keys(ENVIRONMENT);
const IS_SECRET = /SECRET|PASS|TOKEN|KEYS?$|CONNECTION_STRING|_URI$|REDIS_URL/;
const LONG_ENOUGH = 8;
const usual = fc.constantFrom(
  ...[
    'true',
    'false',
    '0',
    '1',
    '-1',
    '65536',
    '1e9',
    '5GiB',
    'NaN',
    '1,2',
    ',',
    'local',
    'aws',
    'gcp,azure',
    '*',
  ],
  ...[
    'production',
    'redis://u:pa55word@h',
    'mongodb://u:pa55word@h/d',
    'http://h',
    'https://h/p',
    'a@b',
    '::1/129',
  ],
  ...['api=off', 'api=1/1', '__proto__', 'constructor=off', 'k:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='],
);
const value = fc.oneof(
  usual,
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ minLength: 30, maxLength: 60 }),
);
const environment = fc.oneof(
  fc.dictionary(fc.constantFrom(...NAMES), value, { maxKeys: 12 }),
  fc.dictionary(fc.oneof(fc.constantFrom(...NAMES), fc.string()), value, { maxKeys: 30 }),
);
const kept = fc.string({ unit: fc.constantFrom(...'abcdef0123456789:/@+=, '), minLength: 20, maxLength: 60 });
const secrets = fc.dictionary(fc.constantFrom(...NAMES.filter((name) => IS_SECRET.test(name))), kept, {
  minKeys: 1,
});

/** The message of the one error that there is; null where the configuration is right. */
function refusal(env) {
  try {
    readConfig(env);
    return null;
  } catch (error) {
    if (!/^The configuration is not right:\n {2}\S/.test(error?.message)) throw error;
    return error.message;
  }
}

/** Environments. */
export const config = () => ({
  'is read or refused in words': fc.property(environment, (env) => {
    const message = refusal(env);
    if (message === null) return Object.isFrozen(readConfig(env));
    return message
      .split('\n')
      .slice(1)
      .every((line) => NAMES.some((name) => line.startsWith(`  ${name}`)));
  }),
  'is refused without telling a secret': fc.property(environment, secrets, (env, all) => {
    const message = refusal({ ...env, ...all });
    const told = Object.values(all).map((text) => text.trim());
    return message === null || told.every((text) => text.length < LONG_ENOUGH || !message.includes(text));
  }),
});
