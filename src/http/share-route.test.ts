import cookie from '@fastify/cookie';
import fastify from 'fastify';
import { expect, test } from 'vitest';
import { AppError } from '../errors.ts';
import { shareRoutes } from './share-route.ts';

test('The archive of a link counts ten files as one request, and counts no download where that is too much', async () => {
  const spent: unknown[] = [];
  let begun = 0;
  const entries = Array.from({ length: 25 }, (_, i) => ({ name: `${i}` }));
  const begin = async () => {
    begun += 1;
  };
  const plan = async () => ({ archive: { name: 'a', entries }, begin });
  const app = fastify();
  await app.register(cookie);
  await app.register(shareRoutes, {
    sharing: { access: { enter: async () => ({}) }, archives: { plan } } as never,
    previews: {} as never,
    limits: {
      spend: async (...what) => {
        spent.push(what);
        throw new AppError('RATE_LIMITED', 'Too many.');
      },
    },
    secureCookies: false,
  });
  const get = { url: '/s/token/archive', remoteAddress: '192.0.2.7' };
  await app.inject({ method: 'GET', ...get });
  await app.inject({ method: 'HEAD', ...get });
  await app.close();
  expect(spent).toEqual(Array(2).fill(['transfers', '192.0.2.7', 2]));
  expect(begun).toBe(0);
});
