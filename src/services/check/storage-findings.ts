import type { ObjectId } from '../../models/object-id.ts';

/** What can be wrong between the database and the stores, each kind with what it means. */
export const FINDING_KINDS = {
  missing: 'copies and previews that the database names and the store does not have',
  'wrong-size': 'copies and previews that are shorter or longer than they must be',
  'wrong-hash': 'copies whose bytes are not those of their content',
  'no-key': 'contents that cannot be decrypted with the master keys that are configured',
  'found-again': 'contents that were given up as lost and are there again',
  'wrong-place': 'places that the database tells otherwise than they are',
  orphan: 'objects that nothing names',
  incoming: 'objects of direct uploads that no file names',
  'lost-found': 'objects in lost-found/ that have lain there for long enough',
  unfinished: 'writes that were never finished',
  'wrong-count': 'counts that differ from what they count',
  'wrong-status': 'files that disagree with whether their content is lost',
} as const;

/** The name of one kind. */
export type FindingKind = keyof typeof FINDING_KINDS;

/** One thing that is wrong, and the ids by which it is found. */
export interface Finding {
  readonly kind: FindingKind;
  /** In a few words. */
  readonly what: string;
  readonly provider?: string;
  readonly key?: string;
  readonly blob?: ObjectId;
  readonly file?: ObjectId;
  readonly user?: ObjectId;
}

/** What became of a finding: nothing was tried, it is right again, its content is lost, or why it could not be repaired. */
export type Outcome = 'found' | 'repaired' | 'lost' | 'refused' | 'failed';

/** A finding with what was done about it. */
export interface Result extends Finding {
  readonly outcome: Outcome;
  /** What was done, or what kept it from being done. */
  readonly note?: string;
}

/** What a repair made the database or a store forget, where much of that at once is a sign of a wrong bucket or database. */
export type Risk = 'contents' | 'replicas' | 'previews' | 'objects';

/** Something that looked wrong when it was read, while uploads, moves and removals were perhaps under way. */
export interface Suspicion {
  /** Looks at the document and the object once more; null when nothing is wrong with them. */
  confirm(): Promise<Confirmed | null>;
}

/** A finding that was looked at twice. */
export interface Confirmed {
  readonly finding: Finding;
  readonly risk?: Risk;
  /** Does as much as is still needed; may be repeated after a crash. */
  repair(): Promise<{ readonly outcome: Outcome; readonly note?: string }>;
}

/** What a check is asked for. */
export interface CheckOptions {
  /** Puts right what is found. */
  readonly repair?: boolean;
  /** Also where that makes the service forget more than half of what it has at one place. */
  readonly force?: boolean;
  /** Reads every copy to its end. */
  readonly deep?: boolean;
  /** Looks at one provider alone, and not at the counts. */
  readonly provider?: string;
}

/** Is told of a check while it runs. */
export interface CheckObserver {
  /** One thing that is wrong, or was until now. */
  result(result: Result): void;
  /** What is being done, and how many things of it were looked at so far. */
  progress(what: string, looked: number): void;
}
