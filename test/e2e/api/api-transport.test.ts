import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Account, type Answer, gql, register, send } from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const APP = 'https://app.example.org';
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
let server: RunningServer;
let ann: Account;

beforeAll(async () => {
  server = await startServer({ CORS_ORIGIN: APP });
  ann = await register(server.origin);
});
afterAll(() => server.stop());

const post = (body: string, headers: Record<string, string> = JSON_TYPE) =>
  send(server.origin, { body, headers });
const get = (path: string, headers: Record<string, string> = {}, origin = server.origin) =>
  send(origin, { method: 'GET', path, headers });
const ask = (query: string) => `/graphql?query=${encodeURIComponent(query)}`;

function expectRefused(answer: Answer<unknown>, status: number, code: string): void {
  expect([answer.status, answer.errors[0]?.extensions.code, answer.text]).toEqual([
    status,
    code,
    answer.text,
  ]);
  expect(answer.errors[0]?.extensions.requestId, answer.text).toBe(answer.headers['x-request-id']);
  expect(answer.data).toBeNull();
}

describe('A request that a foreign page could make', () => {
  it.each(['text/plain', 'application/x-www-form-urlencoded', ''])(
    'a POST as "%s" is refused',
    async (type) => {
      const body = JSON.stringify({ query: '{ __typename }' });
      const answer = await post(body, type ? { 'content-type': type } : {});
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect(answer.data).toBeNull();
      expect(answer.errors[0]?.extensions.requestId, answer.text).toBe(answer.headers['x-request-id']);
    },
  );

  it('a GET without a header that forms cannot send is refused, and says which to send', async () => {
    const answer = await get(ask('{ __typename }'));
    expectRefused(answer, 400, 'BAD_USER_INPUT');
    expect(answer.errors[0]?.message).toContain('apollo-require-preflight');
    const preflight = { 'apollo-require-preflight': 'true' };
    expect((await get(ask('{ __typename }'), preflight)).data).toEqual({ __typename: 'Query' });
  });

  it('a GET never mutates', async () => {
    const answer = await get(ask('mutation { logout }'), {
      ...JSON_TYPE,
      authorization: `Bearer ${ann.token}`,
    });
    expectRefused(answer, 405, 'BAD_USER_INPUT');
    expect((await gql(server.origin, '{ me { id } }', {}, ann.token)).errors).toEqual([]);
  });
});

describe('A body', () => {
  it('with several operations is refused', async () => {
    const one = { query: '{ __typename }' };
    expectRefused(await post(JSON.stringify([one, one])), 400, 'BAD_USER_INPUT');
    expectRefused(await post('[]'), 400, 'BAD_USER_INPUT');
  });

  it.each([
    '',
    '{',
    'null',
    '"x"',
    '1',
    '{}',
    '{"query":1}',
    '{"query":{"$ne":1}}',
    '{"query":"{__typename}","variables":"x"}',
    '{"__proto__":{"a":1}}',
  ])('that is no operation is refused: %s', async (body) =>
    expectRefused(await post(body), 400, 'BAD_USER_INPUT'),
  );

  it('of another type is UNSUPPORTED_MEDIA_TYPE', async () => {
    expectRefused(await post('<a/>', { 'content-type': 'application/xml' }), 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  it('over the limit is PAYLOAD_TOO_LARGE, announced or not', async () => {
    const body = JSON.stringify({ query: '{ __typename }', variables: { x: 'x'.repeat(2 ** 20) } });
    expectRefused(await post(body), 413, 'PAYLOAD_TOO_LARGE');
    expectRefused(
      await post(body, { ...JSON_TYPE, 'transfer-encoding': 'chunked' }),
      413,
      'PAYLOAD_TOO_LARGE',
    );
  });
});

describe('A browser', () => {
  it('that opens /graphql gets the Playground, and its files from here alone', async () => {
    const page = await get('/graphql', { accept: BROWSER });
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.text).toContain('GraphQL Playground');
    expect(page.text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    for (const [, path] of page.text.matchAll(/(?:src|href)="(\/[^"]+)"/g)) {
      expect([path, (await get(path ?? '')).status]).toEqual([path, 200]);
    }
  });

  it('may call from CORS_ORIGIN and nowhere else', async () => {
    const preflight = (origin: string) =>
      send(server.origin, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type,apollo-require-preflight',
        },
      });
    const allowed = await preflight(APP);
    expect(allowed.status).toBe(204);
    expect(allowed.headers['access-control-allow-origin']).toBe(APP);
    expect(allowed.headers['access-control-allow-credentials']).toBe('true');
    expect(allowed.headers['access-control-allow-headers']).toMatch(
      /authorization.*apollo-require-preflight/,
    );
    expect((await preflight('https://evil.example')).headers['access-control-allow-origin']).toBeUndefined();
    expect((await preflight('null')).headers['access-control-allow-origin']).toBeUndefined();
    const answer = await post('{"query":"{__typename}"}', { ...JSON_TYPE, origin: APP });
    expect(answer.headers['access-control-allow-origin']).toBe(APP);
    expect(answer.headers['access-control-expose-headers']).toContain('x-request-id');
    expect(answer.headers.vary).toMatch(/\borigin\b/i);
  });
});

describe('Every answer', () => {
  it('carries the security headers', async () => {
    for (const answer of [
      await post('{"query":"{__typename}"}'),
      await get('/health/live'),
      await get('/nowhere'),
    ]) {
      expect(answer.headers['x-content-type-options']).toBe('nosniff');
      expect(answer.headers['content-security-policy']).toMatch(/default-src 'none'/);
      expect(answer.headers['x-frame-options']).toBe('SAMEORIGIN');
      expect(answer.headers['strict-transport-security']).toBeUndefined();
      expect(answer.headers['x-powered-by']).toBeUndefined();
    }
  });

  it('carries the request’s id, the client’s own where that is plain', async () => {
    for (const id of ['a', 'trace-1.2_3', 'x'.repeat(64)]) {
      expect((await get('/health/live', { 'x-request-id': id })).headers['x-request-id']).toBe(id);
    }
    for (const id of ['', 'a b', 'a,b', '<x>', '$(x)', 'x'.repeat(65), 'a"b', '\u00e9', '../x']) {
      const given = (await get('/health/live', { 'x-request-id': id })).headers['x-request-id'];
      expect(given).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    }
  });

  it('of no route is NOT_FOUND', async () => {
    for (const path of [
      '/',
      '/nowhere',
      '/files',
      '/files/x',
      '/graphql/x',
      '/playground/../../package.json',
      '/%2e%2e/x',
    ]) {
      const answer = await get(path);
      expect([answer.status, JSON.parse(answer.text)]).toMatchObject([404, { error: { code: 'NOT_FOUND' } }]);
    }
    expect((await get('/%zz')).status).toBe(400);
  });
});

describe('The health and the metrics', () => {
  it('say that it lives and what it needs is there', async () => {
    expect(JSON.parse((await get('/health/live')).text)).toEqual({ status: 'ok' });
    const ready = await get('/health/ready');
    const check = { status: 'ok', milliseconds: expect.any(Number) };
    expect(ready.status).toBe(200);
    const tool = { ...check, status: expect.stringMatching(/^(?:ok|failed)$/) };
    expect(JSON.parse(ready.text)).toEqual({
      status: 'ok',
      checks: { database: check, storage: check, pdftoppm: tool, ffmpeg: tool },
    });
  });

  it('say 503 while the store cannot be written to, and 200 again after, each within a second', async () => {
    const folder = join(server.dataPath, 'blobs');
    const within = (status: number) =>
      vi.waitFor(
        async () => {
          const answer = await get('/health/ready');
          expect(answer.status).toBe(status);
          return answer;
        },
        { timeout: 3_000, interval: 100 },
      );
    await rename(folder, `${folder}.away`);
    const away = await within(503);
    await rename(`${folder}.away`, folder);
    expect(JSON.parse(away.text)).toMatchObject({
      status: 'unavailable',
      checks: { storage: { status: 'failed' } },
    });
    expect(away.text).not.toContain(server.dataPath);
    expect((await get('/health/live')).status).toBe(200);
    await within(200);
  });

  it('count requests, durations, bytes, transfers and the event loop, by routes and not by addresses', async () => {
    await get(`/files/${'0'.repeat(24)}/content`);
    const { text, headers } = await get('/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain/);
    for (const name of [
      ...[
        'http_requests_total',
        'http_request_duration_seconds_bucket',
        'http_bytes_total',
        'uploads_running',
      ],
      ...['uploads_total', 'uploaded_bytes_total', 'http_requests_running', 'nodejs_eventloop_lag_seconds'],
      'process_resident_memory_bytes',
    ]) {
      expect(text).toContain(`# TYPE ${name.replace(/_bucket$/, '')} `);
    }
    expect(text).toContain('route="/files/:id/content",status="404"');
    expect(text).not.toContain('0'.repeat(24));
  });
});
