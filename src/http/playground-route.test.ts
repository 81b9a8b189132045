import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { playgroundPage, playgroundRoutes, wantsPlayground } from './playground-route.ts';

const ASSETS = [
  'middleware.js',
  'middleware.css',
  'start.js',
  'attachments.js',
  'multipart-request.js',
  'subscriptions.js',
  'page.css',
];
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8';

let directory: string;
let app: FastifyInstance;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'playground-route-'));
  for (const name of [...ASSETS, 'LICENSE.txt'])
    await writeFile(join(directory, name), `the content of ${name}`);
  app = Fastify();
});

afterEach(async () => {
  await app.close();
  await rm(directory, { recursive: true, force: true });
});

describe('playgroundRoutes', () => {
  it.each(ASSETS)('serves %s with its type, and never as anything else', async (name) => {
    await app.register(playgroundRoutes, { assetsDirectory: directory });
    const response = await app.inject(`/playground/${name}`);
    expect(response.statusCode).toBe(200);
    expect(response.body).toBe(`the content of ${name}`);
    expect(response.headers['content-type']).toBe(
      name.endsWith('.js') ? 'text/javascript; charset=utf-8' : 'text/css; charset=utf-8',
    );
    expect(response.headers['x-content-type-options']).toBe('nosniff');
  });

  it('answers 304 to who has the file already', async () => {
    await app.register(playgroundRoutes, { assetsDirectory: directory });
    const first = await app.inject('/playground/start.js');
    expect(first.headers['cache-control']).toBe('no-cache');
    const etag = String(first.headers.etag);
    const again = await app.inject({ url: '/playground/start.js', headers: { 'if-none-match': etag } });
    expect(again.statusCode).toBe(304);
    expect(again.body).toBe('');
    const changed = await app.inject({ url: '/playground/start.js', headers: { 'if-none-match': '"old"' } });
    expect(changed.statusCode).toBe(200);
  });

  it('goes on serving what it read at the start', async () => {
    await app.register(playgroundRoutes, { assetsDirectory: directory });
    await writeFile(join(directory, 'start.js'), 'changed');
    expect((await app.inject('/playground/start.js')).body).toBe('the content of start.js');
  });

  it.each([
    '/playground/LICENSE.txt',
    '/playground/',
    '/playground/../package.json',
    '/playground/..%2fpackage.json',
    '/playground/%2e%2e/%2e%2e/etc/passwd',
    '/playground/start.js/..',
    '/playground/start.js%00.css',
    '/playground/constructor',
  ])('knows nothing else: %s', async (url) => {
    await app.register(playgroundRoutes, { assetsDirectory: directory });
    expect((await app.inject(url)).statusCode).toBe(404);
  });

  it('refuses to start without its assets and says what to do', async () => {
    await rm(join(directory, 'middleware.js'));
    const starting = async () => app.register(playgroundRoutes, { assetsDirectory: directory });
    await expect(starting()).rejects.toThrow(/middleware\.js is missing: run `npm run build` first/);
  });
});

describe('playgroundPage', () => {
  const { html, headers } = playgroundPage();

  it('allows the page nothing but itself', () => {
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; " +
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'referrer-policy': 'no-referrer',
      vary: 'accept',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
  });

  it('loads only what is served', async () => {
    const addresses = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    await app.register(playgroundRoutes, { assetsDirectory: directory });
    const loaded = addresses.filter((address) => address !== 'data:,');
    expect(loaded).toHaveLength(5);
    for (const address of loaded) expect((await app.inject(address)).statusCode, address).toBe(200);
  });

  it('has no inline script or style, and says where headers are kept', () => {
    expect(html).not.toMatch(/<style|style=|<script>|\son\w+=/);
    expect(html).toContain('localStorage');
  });
});

describe('wantsPlayground', () => {
  it.each([
    ['a browser', '/graphql', BROWSER, true],
    ['a browser with other parameters', '/graphql?tab=1', BROWSER, true],
    ['HTML before JSON', '/graphql', 'application/json;q=0.9, text/html', true],
    ['capitals and blanks', '/graphql', 'Text/HTML ; Q=0.9 , */*;q=0.1', true],
    ['an operation in the address', '/graphql?query=%7B__typename%7D', BROWSER, false],
    ['an empty operation in the address', '/graphql?query=', BROWSER, false],
    ['JSON before HTML', '/graphql', 'application/json, text/html;q=0.9', false],
    ['JSON as much as HTML', '/graphql', 'text/html, application/json', false],
    ['the response type of GraphQL', '/graphql', 'application/graphql-response+json, text/html;q=0.8', false],
    ['HTML refused', '/graphql', 'text/html;q=0', false],
    ['a weight that is no number', '/graphql', 'text/html;q=x', false],
    ['anything', '/graphql', '*/*', false],
    ['nothing', '/graphql', '', false],
  ])('%s', async (_what, url, accept, expected) => {
    app.get('/graphql', (request) => ({ wanted: wantsPlayground(request) }));
    const response = await app.inject({ url, headers: { accept } });
    expect(response.json()).toEqual({ wanted: expected });
  });

  it('is false without an Accept header and for every other method', async () => {
    app.route({
      method: ['GET', 'POST'],
      url: '/graphql',
      handler: (request) => ({ wanted: wantsPlayground(request) }),
    });
    expect((await app.inject('/graphql')).json()).toEqual({ wanted: false });
    const posted = await app.inject({ method: 'POST', url: '/graphql', headers: { accept: BROWSER } });
    expect(posted.json()).toEqual({ wanted: false });
  });
});
