import { describe, expect, test } from 'vitest';
import { letter, passwordResetLetter, verificationLetter } from './letters.ts';

const LINK = `https://app.example.org/verify-email?token=${'0123456789abcdef'.repeat(4)}`;

describe.each([
  ['verification', verificationLetter('ada_l', LINK), '24 hours'],
  ['password reset', passwordResetLetter('ada_l', LINK), '10 minutes'],
])('The letter of a %s', (_kind, { subject, text, html, link }, lifetime) => {
  test('says the same in text and in HTML: whom it is for, what to open and how long', () => {
    expect(link).toBe(LINK);
    expect(subject).not.toBe('');
    for (const part of [text, html]) {
      expect(part).toContain('ada_l');
      expect(part).toContain(LINK);
      expect(part).toContain(lifetime);
    }
  });

  test('has the link on a line of its own in the text, and as a link in the HTML', () => {
    expect(text.split('\n')).toContain(LINK);
    expect(html).toContain(`<a href="${LINK}"`);
  });

  test('loads nothing from anywhere and runs nothing', () => {
    expect(html).not.toMatch(
      /<(?:img|script|link|iframe|object|embed|form|svg|style)\b|url\(|@import|\bsrc=|\bon\w+=/i,
    );
    const targets = [...html.matchAll(/href="([^"]*)"/g)].map(([, target]) => target);
    expect(targets).toEqual([LINK]);
  });
});

const HOSTILE = [
  'a\r\nBcc: victim@example.org',
  'a\nBcc: victim@example.org',
  'a\u2028Bcc: victim@example.org',
  'a\u0000\u0007b',
  'a\u202Egnp.exe',
];

test.each(HOSTILE)('no word of a letter begins another line or turns the writing: %j', (word) => {
  const { subject, text, html } = letter({
    subject: `For ${word}`,
    paragraphs: [`Hello ${word}`, word],
    link: { address: LINK, label: word },
  });
  expect(subject).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  expect(text.split('\n').filter((line) => line.startsWith('Bcc:'))).toEqual([]);
  expect(`${text}${html}`.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
});

test('no word of a letter becomes markup', () => {
  const evil = `"><img src=x onerror='alert(1)'>&lt;`;
  const { html } = letter({
    subject: evil,
    paragraphs: [evil],
    link: { address: `https://a/${evil}`, label: evil },
  });
  expect(html).not.toContain('<img');
  expect(html).not.toContain(`'alert`);
  expect(html).toContain('&quot;&gt;&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;lt;');
});
