import type { CheckSummary } from '../services/check/storage-check.ts';
import { FINDING_KINDS, type FindingKind, type Result } from '../services/check/storage-findings.ts';
import type { Run } from './run.ts';

const ROWS_PER_KIND = 20;
const OUTCOMES = {
  found: 'no',
  repaired: 'yes',
  lost: 'no: lost',
  refused: 'no: refused',
  failed: 'no: failed',
} as const;

interface Group {
  readonly rows: Result[];
  readonly outcomes: Map<Result['outcome'], number>;
}

/** Writes what a check finds as a table for people, by kind, the first of each and how many there are. */
export class CheckTable {
  private readonly run: Pick<Run, 'say'>;
  private readonly groups = new Map<FindingKind, Group>();

  constructor(run: Pick<Run, 'say'>) {
    this.run = run;
  }

  add(result: Result): void {
    const group = this.groups.get(result.kind) ?? newGroup();
    this.groups.set(result.kind, group);
    group.outcomes.set(result.outcome, (group.outcomes.get(result.outcome) ?? 0) + 1);
    if (group.rows.length < ROWS_PER_KIND) group.rows.push(result);
  }

  end(summary: CheckSummary): void {
    this.sayGroups();
    for (const { provider, location, objects, contents, replicas, previews } of summary.stores) {
      const others = previews ? `, and ${previews} previews` : '';
      const copies = `${contents} first copies and ${replicas} others are named${others}`;
      this.run.say(`${provider} (${location}): ${objects} objects; ${copies}.`);
    }
    for (const { provider, reason } of summary.unreachable)
      this.run.say(`${provider} was not checked: ${reason}`);
    if (summary.lost) this.run.say(`Contents that are lost: ${summary.lost}.`);
    if (this.groups.size === 0 && summary.unreachable.length === 0) this.run.say('Nothing is wrong.');
  }

  breakOff(): void {
    this.sayGroups();
  }

  private sayGroups(): void {
    for (const kind of Object.keys(FINDING_KINDS) as FindingKind[]) {
      const group = this.groups.get(kind);
      if (group) this.sayGroup(kind, group);
    }
  }

  private sayGroup(kind: FindingKind, { rows, outcomes }: Group): void {
    const total = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
    const counts = [...outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(', ');
    this.run.say(`${kind}: ${FINDING_KINDS[kind]} (${counts})`);
    const cells = [['PROVIDER', 'KEY OR ID', 'WHAT', 'REPAIRED'], ...rows.map(cellsOf)];
    const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
    for (const row of cells) {
      const padded = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
      this.run.say(`  ${padded.join('  ').trimEnd()}`);
    }
    if (total > rows.length) this.run.say(`  and ${total - rows.length} more`);
    this.run.say('');
  }
}

const newGroup = (): Group => ({ rows: [], outcomes: new Map() });

function cellsOf(result: Result): string[] {
  const { provider = '-', key, what, outcome, note } = result;
  const ids = (['blob', 'file', 'user'] as const).flatMap((name) =>
    result[name] ? [`${name} ${result[name]}`] : [],
  );
  return [
    provider,
    key ?? (ids.join(', ') || '-'),
    what,
    note ? `${OUTCOMES[outcome]}, ${note}` : OUTCOMES[outcome],
  ];
}
