import type { Core } from '../app/core.ts';
import { type Config, readConfig } from '../config.ts';

/** What a command is given to work with. */
export interface Run {
  /** Is aborted when the process is asked to stop; a command that stops for it rejects with its reason. */
  readonly signal: AbortSignal;
  /** Whether somebody watches stderr, so that progress may be shown there on a line that is rewritten. */
  readonly isTerminal: boolean;
  /** The exit code of a command that resolves, where it is not 0. */
  exitCode: number | null;
  /** Opens the service without its server, beside one that may run on the same data; it is closed when the command ends. */
  open(changes?: Partial<Config>): Promise<Core>;
  /** Writes one line of the command's result. */
  say(line: string): void;
  /** Writes text about the work, progress for example, which is not part of the result; ends no line by itself. */
  tell(text: string): void;
}

/** The run of this process; `close` closes what its command opened. */
export function processRun(signal: AbortSignal, isVerbose: () => boolean): Run & { close(): Promise<void> } {
  const opened: Core[] = [];
  return {
    signal,
    isTerminal: process.stderr.isTTY === true,
    exitCode: null,
    async open(changes = {}) {
      const given = readConfig();
      const brief = !isVerbose();
      // Late, so that a command that needs nothing of the service is there at once.
      const [{ createCore }, { createLog }] = await Promise.all([
        import('../app/core.ts'),
        import('../app/log.ts'),
      ]);
      const config = { ...given, ...(brief && { LOG_LEVEL: 'warn' as const }), ...changes };
      const log = createLog({ level: config.LOG_LEVEL, pretty: !config.isProduction, stderr: true, brief });
      const core = createCore(config, { log, baseUrl: () => config.PUBLIC_URL ?? '', beside: true });
      // A database that does not answer keeps nobody waiting who wants to stop.
      opened.push(await Promise.race([core, aborted(signal)]));
      return core;
    },
    say: (line) => void process.stdout.write(`${line}\n`),
    tell: (text) => void process.stderr.write(text),
    async close() {
      for (const core of opened.splice(0).reverse()) await core.close();
    },
  };
}

/** Rejects with the signal's reason once it is aborted; until then it is pending. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
