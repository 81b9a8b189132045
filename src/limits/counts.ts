/** What was counted under a key. */
export interface Count {
  readonly points: number;
  /** Milliseconds until it is nothing again. */
  readonly msLeft: number;
}

/** The counts of one limit: each begins with its first point, and is nothing again once the limit’s time is over. */
export interface Counts {
  /** Adds points, fewer than none to take some away, and resolves with what there are then. */
  add(key: string, points: number): Promise<Count>;
  /** What there are; null for none. */
  look(key: string): Promise<Count | null>;
  /** Makes it nothing. */
  clear(key: string): Promise<void>;
}

/** Opens the counts of a limit, by its name and its seconds. */
export type OpenCounts = (name: string, seconds: number) => Counts;
