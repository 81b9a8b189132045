import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { escaped } from '../../html.ts';
import { htmlPage, PAGE_HEADERS } from './html-page.ts';

test('a page allows its own style and nothing else, and no word of its title becomes markup', () => {
  const page = htmlPage('<script>"x"</script>', '<p>content</p>');
  expect(page).not.toContain('<script');
  expect(page).toContain('<p>content</p>');
  const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(page) ?? [];
  const hash = createHash('sha256').update(style).digest('base64');
  expect(PAGE_HEADERS['content-security-policy']).toContain(
    `default-src 'none'; style-src 'sha256-${hash}';`,
  );
  expect(page).not.toMatch(/(?:src|href)="(?!data:,)/);
});

test('no text leaves an attribute or an element once it is escaped', () => {
  expect(escaped(`"'><&amp;`)).toBe('&quot;&#39;&gt;&lt;&amp;amp;');
});
