import type { Blob } from '../../models/blob.ts';
import type { VirusScan } from '../../models/file-details.ts';
import type { Verdict } from '../../scanning/scanner.ts';

/** What follows for a content from what the scanner said, or did not say. */
export type Judgement = Clean | Infected | Unjudged;

/** It may be served. */
export interface Clean {
  readonly kind: 'clean';
  readonly virus: VirusScan;
}

/** It must not be served to anybody. */
export interface Infected {
  readonly kind: 'infected';
  readonly virus: VirusScan;
  readonly threat: string;
}

/** Nothing is known: it waits for a scan, or, where there is no scanner, for nothing. */
export interface Unjudged {
  readonly kind: 'unjudged';
  /** Why, where a scanner was to look at it. */
  readonly cause: 'unavailable' | 'over-limit' | null;
  /** The scanner that was shown it. */
  readonly engine: string | null;
}

/** Where there is no scanner. */
export const UNJUDGED: Unjudged = { kind: 'unjudged', cause: null, engine: null };

/** What a content tells of scans before its first. */
export const UNSCANNED: VirusScan = { isScanned: false, isClean: false, scanDate: null, scanEngine: null };

/** A blob that is infected. */
export const INFECTED = { 'virus.isScanned': true, 'virus.isClean': false };

/** Any other blob. */
export const NOT_INFECTED = { $nor: [INFECTED] };

/** Whether the blob must not be served. */
export function isInfected({ virus }: Pick<Blob, 'virus'>): boolean {
  return virus?.isScanned === true && !virus.isClean;
}

/** What a verdict means; what an administrator has let pass is clean. */
export function judge(verdict: Verdict, released: readonly string[] = []): Judgement {
  if (verdict.kind === 'unable') return { kind: 'unjudged', cause: verdict.cause, engine: verdict.engine };
  const scanned = { isScanned: true, scanDate: new Date(), scanEngine: verdict.engine };
  if (verdict.kind === 'clean' || released.includes(verdict.threat)) {
    return { kind: 'clean', virus: { ...scanned, isClean: true } };
  }
  return { kind: 'infected', virus: { ...scanned, isClean: false }, threat: verdict.threat };
}
