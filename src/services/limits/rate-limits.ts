/** Every limit there is. What a key is made of is said with each; `points` may be spent `within` so many seconds. */
export const LIMITS = {
  /** Failed logins, by account name and address. */
  'login-account': { points: 5, within: 900 },
  /** Failed logins, by address. */
  'login-address': { points: 50, within: 900 },
  /** New accounts, by address. */
  register: { points: 10, within: 900 },
  /** Mails that somebody asked for, by account. */
  mail: { points: 3, within: 3_600 },
  /** Codes of a second factor, by account. */
  'second-factor': { points: 5, within: 900 },
  /** Fields at the root of GraphQL operations, and other requests, by account or, without one, by address. */
  api: { points: 6_000, within: 60 },
  /** Files that are sent, by account. */
  uploads: { points: 6_000, within: 3_600 },
} as const;

/** The name of a limit. */
export type LimitName = keyof typeof LIMITS;

/** Counts what is spent, for all nodes together. */
export interface RateLimits {
  /** Spends points; rejects with RATE_LIMITED, which says when to come again, where there are not enough left. */
  spend(limit: LimitName, key: string, points?: number): Promise<void>;
  /** Rejects as `spend` does where nothing is left, and spends nothing. */
  require(limit: LimitName, key: string): Promise<void>;
  /** Gives everything back that was spent under this key. */
  forget(limit: LimitName, key: string): Promise<void>;
}
