import { createApp } from './app.ts';
import { readConfig } from './config.ts';

// More than the embedded engine may take to close.
const CLOSING_SECONDS = 30;

/** The process: reads the configuration, serves, and stops on SIGTERM or SIGINT. */
async function main(): Promise<void> {
  const config = readConfig();
  const app = await createApp(config);

  let stopping = false;
  const stop = async (reason: string, exitCode: number) => {
    if (stopping) process.exit(1);
    stopping = true;
    app.log.info({ reason }, 'stopping');
    // Whatever hangs, a process that was asked to stop does.
    setTimeout(() => process.exit(1), (config.SHUTDOWN_GRACE_SECONDS + CLOSING_SECONDS) * 1000).unref();
    await app.close(config.SHUTDOWN_GRACE_SECONDS);
    process.exit(exitCode);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal, 0));
  app.died.then((error) => {
    app.log.fatal({ err: error }, 'the embedded database has ended');
    return stop('the embedded database has ended', 1);
  });

  const address = await app.listen();
  const where = config.playground ? `${address}/graphql` : address;
  process.stdout.write(
    `imaginaryStorage is ready: ${config.playground ? 'open the Playground at ' : ''}${where}\n`,
  );
}

main().catch((error: Error) => {
  process.stderr.write(`imaginaryStorage could not start. ${error.message}\n`);
  process.exit(1);
});
