import { serve } from './app/process.ts';
import { stopSignal } from './app/stop-signal.ts';
import { readConfig } from './config.ts';

/** The process: reads the configuration, serves, and stops on SIGTERM or SIGINT. */
async function main(): Promise<number> {
  return serve(readConfig(), stopSignal());
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`imaginaryStorage could not start. ${error.message}\n`);
    process.exit(1);
  },
);
