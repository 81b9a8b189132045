const KEPT = 20;

/**
 * Counts what was done, by kind and by how it ended.
 * @typedef {object} Counts
 * @property {Record<string, Record<string, number>>} kinds how often each kind ended how
 * @property {string[]} faults the first ends that nobody expected
 * @property {number} faultCount how many there were
 */
export class Tally {
  /** @type {Counts} */
  counts = { kinds: {}, faults: [], faultCount: 0 };

  /** Notes how one thing ended: `ok`, a code of the service, or what became of the connection. */
  note(kind, outcome, expected, detail = '') {
    this.counts.kinds[kind] ??= {};
    const kinds = this.counts.kinds[kind];
    kinds[outcome] = (kinds[outcome] ?? 0) + 1;
    if (!expected.includes(outcome)) this.fault(`${kind}: ${outcome} ${detail}`);
  }

  /** Notes that something is wrong. */
  fault(text) {
    this.counts.faultCount += 1;
    if (this.counts.faults.length < KEPT) {
      this.counts.faults.push(`${new Date().toISOString()} ${text}`.slice(0, 600));
    }
  }
}

/** The counts of several tallies together. */
export function merged(all) {
  const kinds = {};
  for (const [kind, outcomes] of all.flatMap((each) => Object.entries(each.kinds))) {
    kinds[kind] ??= {};
    for (const [outcome, count] of Object.entries(outcomes)) {
      kinds[kind][outcome] = (kinds[kind][outcome] ?? 0) + count;
    }
  }
  return {
    kinds,
    faults: all.flatMap(({ faults }) => faults),
    faultCount: all.reduce((sum, { faultCount }) => sum + faultCount, 0),
  };
}
