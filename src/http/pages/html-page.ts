import { createHash } from 'node:crypto';
import { escaped } from '../../html.ts';

const STYLE = `
body { max-width: 40rem; margin: 3rem auto; padding: 0 1rem; font: 1rem/1.5 sans-serif; color: #1a1a1a; background: #fff }
h1 { font-size: 1.5rem }
h2 { font-size: 1.1rem }
label { display: block; margin-bottom: .25rem }
input { width: 100%; box-sizing: border-box; padding: .5rem; font: inherit }
button { margin-top: 1rem; padding: .6rem 1rem; border: 0; border-radius: .4rem; font: inherit; color: #fff; background: #1f4fd8 }
article { margin: 1.5rem 0; padding: 0 1rem; border: 1px solid #ccc; border-radius: .4rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere }
.wrong { color: #b00020 }
`;

/**
 * What a page with this style is answered with: it loads nothing but what further directives allow, runs nothing, is kept
 * nowhere and tells nobody where it was.
 */
export function pageHeaders(style: string, ...directives: readonly string[]): Record<string, string> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': [
      "default-src 'none'",
      `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
      ...directives,
      "form-action 'self'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
    'cache-control': 'no-store',
    'cross-origin-opener-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'x-robots-tag': 'noindex',
  };
}

/** What every plain page is answered with. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = pageHeaders(STYLE, 'img-src data:');

/** A page around content that is HTML already; the title is plain text. */
export function htmlPage(title: string, content: string): string {
  return htmlDocument({ title, style: STYLE, body: `<h1>${escaped(title)}</h1>\n${content}` });
}

/** A document with a style of its own and a body that is HTML already; the title is plain text. */
export function htmlDocument({ title, style, body }: { title: string; style: string; body: string }): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
${body}
</body>
</html>
`;
}
