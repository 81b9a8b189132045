/** Why a process stops that a signal asked to. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
  readonly signal: 'SIGTERM' | 'SIGINT';

  constructor(signal: 'SIGTERM' | 'SIGINT') {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }
}

/** Is aborted, with a `Stopped`, when the process is asked to stop; asked a second time the process exits with 1 at once. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(1);
      stop.abort(new Stopped(name));
    });
  }
  return stop.signal;
}
