import { createApp } from '../app.ts';
import type { Config } from '../config.ts';

// More than the embedded engine may take to close.
const CLOSING_SECONDS = 30;

/** Serves until the signal or the end of something it needs; resolves with the exit code once everything is closed. */
export async function serve(config: Config, signal: AbortSignal): Promise<number> {
  // Before anything is served there is nothing to wait for.
  const leave = () => process.exit(0);
  signal.addEventListener('abort', leave);
  const app = await createApp(config);
  signal.removeEventListener('abort', leave);

  const asked = new Promise<number>((resolve) => {
    const stop = () => {
      app.log.info({ reason: signal.reason.message }, 'stopping');
      resolve(0);
    };
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
  });
  const broken = app.died.then((error) => {
    app.log.fatal({ err: error }, 'the embedded database has ended');
    return 1;
  });
  try {
    const address = await app.listen();
    const ready = config.playground ? `open the Playground at ${address}/graphql` : `it serves at ${address}`;
    process.stdout.write(`imaginaryStorage is ready: ${ready}\n`);
    return await Promise.race([asked, broken]);
  } finally {
    // Whatever hangs, a process that was asked to stop does.
    setTimeout(() => process.exit(1), (config.SHUTDOWN_GRACE_SECONDS + CLOSING_SECONDS) * 1000).unref();
    await app.close(config.SHUTDOWN_GRACE_SECONDS);
  }
}
