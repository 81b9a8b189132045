/**
 * The MongoDB server for this worker’s databases. The run has several embedded engines, since one keeps the files of
 * dropped databases open, of which a process may have only so many; a server that `TEST_MONGODB_URI` names serves all.
 */
export function testMongodb(): string {
  const servers = process.env.TEST_MONGODB_URI?.split(' ') ?? [];
  const server = servers[Number(process.env.VITEST_POOL_ID ?? 0) % servers.length];
  if (!server)
    throw new Error('TEST_MONGODB_URI is not set: run the tests with vitest, whose global setup sets it');
  return server;
}
