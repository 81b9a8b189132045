import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Every file that the page loads; nothing else is served below /playground/. */
const ASSETS = {
  'middleware.js': 'text/javascript; charset=utf-8',
  'middleware.css': 'text/css; charset=utf-8',
  'start.js': 'text/javascript; charset=utf-8',
  'attachments.js': 'text/javascript; charset=utf-8',
  'multipart-request.js': 'text/javascript; charset=utf-8',
  'subscriptions.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
} as const;

// The hash is that of the empty string: Playground makes empty style elements and fills them by script.
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HTML = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>GraphQL Playground</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/playground/middleware.css">
    <link rel="stylesheet" href="/playground/page.css">
    <script type="module" src="/playground/subscriptions.js"></script>
    <script defer src="/playground/middleware.js"></script>
    <script type="module" src="/playground/start.js"></script>
  </head>
  <body>
    <div id="root">
      <p class="loading">Loading GraphQL Playground…</p>
      <noscript><p class="loading">GraphQL Playground needs JavaScript.</p></noscript>
    </div>
    <footer id="attachments">
      <label class="attach-button">Attach files<input id="attach" type="file" multiple></label>
      <span id="attach-hint">then use <code>"@file:0"</code> as the value of an upload variable</span>
      <ul id="attached" aria-label="Attached files"></ul>
      <span class="kept">
        Headers and tabs are kept in this browser's localStorage.
        <button id="forget" type="button">Forget them</button>
      </span>
    </footer>
  </body>
</html>
`;

/**
 * Serves the page's assets from memory under /playground/; rejects, naming the missing file, when
 * `assetsDirectory` does not hold all of them.
 */
export async function playgroundRoutes(
  app: FastifyInstance,
  options: { assetsDirectory: string },
): Promise<void> {
  for (const [name, contentType] of Object.entries(ASSETS)) {
    const content = await readAsset(options.assetsDirectory, name);
    const etag = `"${createHash('sha256').update(content).digest('base64url')}"`;
    app.get(`/playground/${name}`, { config: { needs: 'anyone' } }, (request, reply) => {
      // The names carry no version, so a browser asks again each time and is told that nothing has changed.
      reply.headers({ etag, 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' });
      if (request.headers['if-none-match'] === etag) return reply.code(304).send();
      return reply.type(contentType).send(content);
    });
  }
}

/** The page and the headers it must be answered with; both are the same for everybody. */
export function playgroundPage(): { html: string; headers: Record<string, string> } {
  return {
    html: HTML,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'cache-control': 'no-cache',
      'cross-origin-opener-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      vary: 'accept',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    },
  };
}

/** Whether the request is a browser's navigation: a GET that prefers HTML to JSON and carries no operation. */
export function wantsPlayground(request: FastifyRequest): boolean {
  if (request.method !== 'GET') return false;
  if (Object.hasOwn(request.query ?? {}, 'query')) return false;
  const accepted = qualities(request.headers.accept ?? '');
  const anything = accepted.get('application/*') ?? accepted.get('*/*') ?? 0;
  const json = Math.max(
    accepted.get('application/json') ?? anything,
    accepted.get('application/graphql-response+json') ?? anything,
  );
  // Named, not covered by a wildcard: a command-line client that takes anything is no browser.
  return (accepted.get('text/html') ?? 0) > json;
}

/** The media ranges of an Accept header with their weights. */
function qualities(accept: string): Map<string, number> {
  const accepted = new Map<string, number>();
  for (const part of accept.toLowerCase().split(',')) {
    const [range = '', ...parameters] = part.split(';').map((piece) => piece.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    // RFC 9110, 12.4.2: "If no "q" parameter is present, the default weight is 1."
    const quality = weight === undefined ? 1 : Number(weight.slice(2));
    if (range !== '' && quality >= 0) accepted.set(range, quality);
  }
  return accepted;
}

async function readAsset(directory: string, name: string): Promise<Buffer> {
  try {
    return await readFile(join(directory, name));
  } catch (cause) {
    throw new Error(`The Playground asset ${join(directory, name)} is missing: run \`npm run build\` first`, {
      cause,
    });
  }
}
