import { fastify } from 'fastify';
import { expect, it } from 'vitest';
import { healthRoutes } from './health-route.ts';

it('asks database and store once for all probes of a second', async () => {
  let asked = 0;
  const app = fastify();
  const checks = {
    database: async () => {
      asked += 1;
    },
  };
  await app.register(healthRoutes, { checks, stopping: () => false });
  const answers = await Promise.all(Array.from({ length: 20 }, () => app.inject('/health/ready')));
  expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array.from({ length: 20 }, () => 200));
  expect(asked).toBe(1);
});
