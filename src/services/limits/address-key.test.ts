import { expect, it } from 'vitest';
import { addressKey } from './address-key.ts';

it('counts an IPv4 address as itself, however it is written', () => {
  expect(addressKey('192.0.2.7')).toBe('192.0.2.7');
  expect(addressKey('::ffff:192.0.2.7')).toBe('192.0.2.7');
  expect(addressKey('::FFFF:c000:0207')).toBe('192.0.2.7');
  expect(addressKey('192.0.2.8')).not.toBe(addressKey('192.0.2.7'));
});

it('counts all addresses of an IPv6 /64 as one, and those of another as another', () => {
  expect(addressKey('2001:db8:1:2:a::1')).toBe(addressKey('2001:DB8:1:2:ffff:ffff:ffff:ffff'));
  expect(addressKey('2001:db8:1:2::1')).not.toBe(addressKey('2001:db8:1:3::1'));
  expect(addressKey('fe80::1%eth0')).toBe(addressKey('fe80::2'));
});

it('counts whatever is no address as one and the same', () => {
  expect(addressKey(null)).toBe('unknown');
  expect(addressKey('')).toBe('unknown');
  expect(addressKey('999.1.1.1')).toBe('unknown');
  expect(addressKey('somebody, 192.0.2.7')).toBe('unknown');
});

it('counts an address as itself where a proxy wrote its port behind it', () => {
  expect(addressKey('192.0.2.7:49152')).toBe('192.0.2.7');
  expect(addressKey('[2001:db8:1:2::1]:49152')).toBe(addressKey('2001:db8:1:2::1'));
  expect(addressKey('[2001:db8:1:2::1]')).toBe(addressKey('2001:db8:1:2::1'));
  expect(addressKey('2001:db8:1:2::1:443')).toBe(addressKey('2001:db8:1:2::1'));
  expect(addressKey('192.0.2.7:')).toBe('unknown');
});
