import cookie from '@fastify/cookie';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RefreshCookie } from '../context.ts';
import { refreshCookieOf } from './refresh-cookie.ts';

const WANTED = { 'x-refresh-token-delivery': 'cookie' };
const BROUGHT = { cookie: 'imaginary_refresh=the-token' };

let server: FastifyInstance;
let seen: RefreshCookie;
let act: (cookie: RefreshCookie) => void;
let secure: boolean;

beforeEach(async () => {
  act = () => {};
  secure = false;
  server = fastify();
  await server.register(cookie);
  server.post('/graphql', async (request, reply) => {
    seen = refreshCookieOf(request, reply, { secure });
    act(seen);
    return {};
  });
});
afterEach(() => server.close());

const post = (headers: Record<string, string>) => server.inject({ method: 'POST', url: '/graphql', headers });

test('the cookie counts only beside the header that other sites can’t send', async () => {
  await post(BROUGHT);
  expect(seen).toMatchObject({ wanted: false, token: undefined });
  await post({ ...BROUGHT, 'x-refresh-token-delivery': 'body' });
  expect(seen).toMatchObject({ wanted: false, token: undefined });
  await post({ ...BROUGHT, ...WANTED });
  expect(seen).toMatchObject({ wanted: true, token: 'the-token' });
  await post(WANTED);
  expect(seen).toMatchObject({ wanted: true, token: undefined });
});

test('the cookie is HttpOnly, SameSite=Strict, for /graphql alone, and ends with the token', async () => {
  const expiresAt = new Date('2040-01-02T03:04:05Z');
  act = (it) => it.set('the-token', expiresAt);
  const { headers } = await post(WANTED);
  expect(headers['set-cookie']).toBe(
    'imaginary_refresh=the-token; Path=/graphql; Expires=Mon, 02 Jan 2040 03:04:05 GMT; HttpOnly; SameSite=Strict',
  );
});

test('the cookie is Secure where the option says so', async () => {
  secure = true;
  act = (it) => it.set('the-token', new Date());
  expect((await post(WANTED)).headers['set-cookie']).toContain('; Secure');
});

test('clearing it makes the browser drop it', async () => {
  act = (it) => it.clear();
  const [cleared] = (await post(WANTED)).cookies;
  expect(cleared).toMatchObject({
    name: 'imaginary_refresh',
    value: '',
    path: '/graphql',
    expires: new Date(0),
  });
});
