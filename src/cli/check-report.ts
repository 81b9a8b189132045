import type { CheckSummary } from '../services/check/storage-check.ts';
import type { Result } from '../services/check/storage-findings.ts';
import type { Run } from './run.ts';

/** Writes what a check finds as one JSON document, each finding as it comes: memory does not grow with their number. */
export class CheckReport {
  private readonly run: Pick<Run, 'say'>;
  private isBegun = false;

  constructor(run: Pick<Run, 'say'>) {
    this.run = run;
  }

  add(result: Result): void {
    this.run.say(`${this.isBegun ? ',' : '{"findings":['}${JSON.stringify(result)}`);
    this.isBegun = true;
  }

  end(summary: CheckSummary): void {
    this.close(summary);
  }

  /** The document says by itself that it is not all. */
  breakOff(error: unknown): void {
    this.close({ error: error instanceof Error ? error.message : String(error) });
  }

  private close(rest: object): void {
    const members = JSON.stringify(rest).slice(1);
    this.run.say(`${this.isBegun ? '' : '{"findings":['}],${members}`);
  }
}
