/** How much may be spent: so many points within so many seconds. */
export interface Allowance {
  readonly points: number;
  /** Seconds, counted from the first point that is spent. */
  readonly within: number;
}

/** Every limit there is. What a key is made of is said with each. */
export const LIMITS = {
  /** Failed logins, by account and address. */
  'login-account': { points: 5, within: 900 },
  /** Failed logins, by address. */
  'login-address': { points: 50, within: 900 },
  /** Failed logins, by account: further ones from addresses that the account does not know are slow, not refused. */
  'login-total': { points: 20, within: 900 },
  /** New accounts, by address. */
  register: { points: 10, within: 900 },
  /** Mails that somebody asked for, by account. */
  mail: { points: 3, within: 3_600 },
  /** Requests for mails by people without a session, by address. */
  forgot: { points: 10, within: 900 },
  /** Tokens that were tried in vain: of refresh, of verification and of reset; by address. */
  tokens: { points: 30, within: 900 },
  /** Codes of a second factor, by account. */
  'second-factor': { points: 5, within: 900 },
  /** Wrong passwords of share links and upload requests, by link and address. */
  'link-password': { points: 10, within: 900 },
  /** The same, by link alone. */
  'link-password-total': { points: 100, within: 900 },
  /** Links, upload requests, grants and webhooks that are made, by account. */
  sharing: { points: 600, within: 3_600 },
  /** Exports of everything that is held of an account, by account. */
  exports: { points: 10, within: 3_600 },
  /** Fields at the root of GraphQL operations, by account or, without one, by address. */
  api: { points: 6_000, within: 60 },
  /** Files that are sent, by account. */
  uploads: { points: 6_000, within: 3_600 },
  /** Requests for contents and parts, by address. */
  transfers: { points: 6_000, within: 60 },
} as const satisfies Record<string, Allowance>;

/** The name of a limit. */
export type LimitName = keyof typeof LIMITS;

/** What each limit allows; null where it is off. */
export type Allowances = Readonly<Record<LimitName, Allowance | null>>;

/** The limits with changes such as `api=3000/60` or `register=off`; throws where one names a limit that is not there. */
export function allowancesWith(changes: readonly string[]): Allowances {
  const allowances: Record<string, Allowance | null> = { ...LIMITS };
  for (const change of changes) {
    const [name = '', value = ''] = change.split('=');
    if (!Object.hasOwn(LIMITS, name)) {
      throw new Error(
        `RATE_LIMITS names the limit "${name}"; there are only ${Object.keys(LIMITS).join(', ')}.`,
      );
    }
    const [points = 0, within = 0] = value.split('/').map(Number);
    if (value !== 'off' && !(points > 0 && within > 0)) {
      throw new Error(`RATE_LIMITS must allow at least one point within one second, or \`${name}=off\`.`);
    }
    allowances[name] = value === 'off' ? null : { points, within };
  }
  return allowances as Allowances;
}

/** How one limit stands for one key. */
export interface Standing extends Allowance {
  readonly limit: LimitName;
  /** Points, as far as this node knows. */
  readonly remaining: number;
  /** Whole seconds until all points are there again. */
  readonly resets: number;
}

/** Counts what is spent, for all nodes together. */
export interface RateLimits {
  /** Spends points; rejects with RATE_LIMITED, which says when to come again, and spends none where there are too few. */
  spend(limit: LimitName, key: string, points?: number): Promise<void>;
  /** Rejects as `spend` does where nothing is left, and spends nothing. */
  require(limit: LimitName, key: string): Promise<void>;
  /** Spends one point even where none is left; resolves with how many were spent beyond the limit. */
  tally(limit: LimitName, key: string): Promise<number>;
  /** Gives points back that were spent under this key and turned out not to count. */
  giveBack(limit: LimitName, key: string, points?: number): Promise<void>;
  /** Gives everything back that was spent under this key. */
  forget(limit: LimitName, key: string): Promise<void>;
}

/** Limits that allow everything. */
export const NO_LIMITS: RateLimits = {
  spend: async () => undefined,
  require: async () => undefined,
  tally: async () => 0,
  giveBack: async () => undefined,
  forget: async () => undefined,
};
