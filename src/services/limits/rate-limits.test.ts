import { expect, it } from 'vitest';
import { allowancesWith, LIMITS } from './rate-limits.ts';

it('changes the limits that are named, and no others', () => {
  const allowances = allowancesWith(['api=3000/30', 'register=off']);
  expect(allowances.api).toEqual({ points: 3_000, within: 30 });
  expect(allowances.register).toBeNull();
  expect(allowances['login-account']).toEqual(LIMITS['login-account']);
});

it('names a limit that is not there', () => {
  expect(() => allowancesWith(['logins=5/60'])).toThrow(/RATE_LIMITS names the limit "logins"/);
  expect(() => allowancesWith(['constructor=off'])).toThrow(/RATE_LIMITS/);
});

it('takes no limit that would allow nothing', () => {
  expect(() => allowancesWith(['api=0/60'])).toThrow(/RATE_LIMITS/);
  expect(() => allowancesWith(['api=60/0'])).toThrow(/RATE_LIMITS/);
});
