import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Without it the tests and type-graphql load two copies of graphql, one by `import` and one by `require`.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/reflect-metadata.ts'],
    pool: 'forks',
    // More than the two cores that are the least: many tests wait for servers and clocks.
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
