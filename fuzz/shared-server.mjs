import { startServer } from '../test/support/server.ts';

/**
 * One server of the build for all that need one, started when it is first asked for: on TEST_MONGODB_URI where that is
 * set, else with an engine of its own.
 */
export function sharedServer() {
  let starting;
  return {
    /** @returns {Promise<import('../test/support/server.ts').RunningServer>} */
    get() {
      starting ??= startServer({
        LOG_LEVEL: 'warn',
        ...(!process.env.TEST_MONGODB_URI && { MONGODB_URI: null }),
      });
      return starting;
    },
    async stop() {
      if (starting) await (await starting).stop();
    },
  };
}

/** What the server has logged of its own failures so far. */
export const failuresOf = (server) =>
  server.log().match(/a request failed|uncaught|unhandled/gi)?.length ?? 0;
