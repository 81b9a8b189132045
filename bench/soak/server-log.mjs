const WARN = 40;
const ERROR = 50;

/** Counts the lines of a server's log by what they say. */
export class ServerLog {
  counts = { warnings: {}, errors: {}, examples: {} };
  #rest = '';

  read(text) {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop().slice(-100_000);
    for (const line of lines) this.#note(line);
  }

  #note(line) {
    const entry = parsed(line);
    if (!entry || entry.level < WARN) return;
    const counts = entry.level >= ERROR ? this.counts.errors : this.counts.warnings;
    const message = `${entry.msg}${entry.err ? ` (${entry.err.message})` : ''}`.slice(0, 200);
    counts[message] = (counts[message] ?? 0) + 1;
    this.counts.examples[message] ??= line.slice(0, 2000);
  }
}

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
