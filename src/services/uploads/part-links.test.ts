import { expect, test } from 'vitest';
import { Signer } from '../../auth/signatures.ts';
import { PartLinks } from './part-links.ts';

const SECRET = 'a secret for tests, long enough to be one';
const links = new PartLinks(new Signer([SECRET], 'part links'), () => 'http://files.test');
const TICKET = '0123456789abcdef01234567';
const soon = () => new Date(Date.now() + 60_000);
const query = (url: string) => Object.fromEntries(new URL(url).searchParams);

test('an address is valid for its own part of its own ticket, and for no other', () => {
  const url = links.partUrl(TICKET, 7, soon());
  expect(url).toMatch(/^http:\/\/files\.test\/uploads\/0123456789abcdef01234567\/parts\/7\?/);
  expect(() => links.verify(TICKET, '7', query(url))).not.toThrow();
  for (const [ticket, number] of [
    [TICKET, '8'],
    [TICKET, '07'],
    [`${TICKET}7`, ''],
    [TICKET.replace('0', '1'), '7'],
  ] as const) {
    expect(() => links.verify(ticket, number, query(url))).toThrow('signature');
  }
});

test('an address whose time is over is told from one that never was', () => {
  const past = query(links.partUrl(TICKET, 1, new Date(Date.now() - 1_000)));
  expect(() => links.verify(TICKET, '1', past)).toThrow(expect.objectContaining({ code: 'GONE' }));
  const later = { ...past, expires: String(Number(past.expires) + 3_600) };
  expect(() => links.verify(TICKET, '1', later)).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
});

test('a signature that was made for something else is none here', () => {
  const { expires } = query(links.partUrl(TICKET, 1, soon()));
  const other = new Signer([SECRET], 'content links').sign([TICKET, '1', expires].join('\n'));
  for (const signature of [other, '', undefined, ['x'], 'x'.repeat(43)]) {
    expect(() => links.verify(TICKET, '1', { expires, signature })).toThrow('signature');
  }
});
