/** Something that runs by itself between its start and its stop. */
export interface Runs {
  start(): void;
  /** Resolves once nothing of it runs any more. */
  stop(): Promise<unknown>;
}

/** Several that start together, and end side by side. */
export function together(runs: readonly Runs[]): { start(): void; stop(): Promise<void> } {
  return {
    start() {
      for (const each of runs) each.start();
    },
    async stop() {
      await Promise.all(runs.map((each) => each.stop()));
    },
  };
}
