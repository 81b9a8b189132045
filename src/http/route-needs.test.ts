import { fastify } from 'fastify';
import { expect, it } from 'vitest';
import { requireRouteNeeds } from './route-needs.ts';

it('A route that does not say what it needs stops the start, and is named', async () => {
  const app = fastify();
  requireRouteNeeds(app);
  app.register(async (plugin) => {
    plugin.get('/secrets', async () => 'all of them');
  });
  await expect(app.ready()).rejects.toThrow('GET /secrets needs a rule');
});

it('Routes of every depth and method are listed with what they need', async () => {
  const app = fastify();
  const routes = requireRouteNeeds(app);
  app.register(async (plugin) => {
    plugin.get('/open', { config: { needs: 'anyone' } }, async () => '');
    plugin.route({
      method: ['PUT', 'DELETE'],
      url: '/own',
      config: { needs: 'session' },
      handler: async () => '',
    });
  });
  await app.ready();
  expect(routes.map(({ route, need }) => [route, need])).toEqual(
    expect.arrayContaining([
      ['GET /open', 'anyone'],
      ['HEAD /open', 'anyone'],
      ['PUT /own', 'session'],
      ['DELETE /own', 'session'],
    ]),
  );
});
