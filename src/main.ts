import { type App, createApp } from './app.ts';
import { readConfig } from './config.ts';

// More than the embedded engine may take to close.
const CLOSING_SECONDS = 30;

/** The process: reads the configuration, serves, and stops on SIGTERM or SIGINT. */
async function main(): Promise<void> {
  const config = readConfig();
  let app: App | undefined;
  let stopping = false;

  const stop = async (reason: string, exitCode: number) => {
    // A second signal, or one before anything was served, has nothing to wait for.
    if (stopping || !app) process.exit(stopping ? 1 : 0);
    stopping = true;
    app.log.info({ reason }, 'stopping');
    // Whatever hangs, a process that was asked to stop does.
    setTimeout(() => process.exit(1), (config.SHUTDOWN_GRACE_SECONDS + CLOSING_SECONDS) * 1000).unref();
    await app.close(config.SHUTDOWN_GRACE_SECONDS);
    process.exit(exitCode);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal, 0));

  app = await createApp(config);
  const { log } = app;
  app.died.then((error) => {
    log.fatal({ err: error }, 'the embedded database has ended');
    return stop('the embedded database has ended', 1);
  });

  const address = await app.listen();
  const ready = config.playground ? `open the Playground at ${address}/graphql` : `it serves at ${address}`;
  process.stdout.write(`imaginaryStorage is ready: ${ready}\n`);
}

main().catch((error: Error) => {
  process.stderr.write(`imaginaryStorage could not start. ${error.message}\n`);
  process.exit(1);
});
