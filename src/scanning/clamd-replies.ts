import type { Verdict } from './scanner.ts';

// With AlertExceedsMax it finds this in what it did not look at in full.
const LIMIT_EXCEEDED = /^Heuristics\.Limits\.Exceeded/;

/** What clamd’s answer to INSTREAM means. */
export function verdictOf(reply: string, engine: string): Verdict {
  const found = /^stream: (.+) FOUND$/.exec(reply)?.[1];
  if (found && LIMIT_EXCEEDED.test(found)) return overLimit(found, engine);
  if (found) return { kind: 'infected', threat: found, engine };
  if (reply === 'stream: OK') return { kind: 'clean', engine };
  if (/^INSTREAM size limit exceeded\. ERROR$/.test(reply)) return overLimit(reply, engine);
  return { kind: 'unable', cause: 'unavailable', reason: `clamd answered: ${reply.slice(0, 200)}`, engine };
}

/** What clamd calls itself, without the date of its signatures: `ClamAV 1.4.3/27800`; throws for anything else. */
export function engineOf(reply: string): string {
  const [engine] = /^ClamAV [^/\s]+(?:\/\d+)?/.exec(reply) ?? [];
  if (!engine) throw new Error(`clamd answered: ${reply.slice(0, 200)}`);
  return engine;
}

function overLimit(reason: string, engine: string): Verdict {
  return { kind: 'unable', cause: 'over-limit', reason, engine };
}
