import { setTimeout as pause } from 'node:timers/promises';
import { AppError } from '../../errors.ts';
import type { Collections } from '../../models/collections.ts';
import type { ObjectId } from '../../models/object-id.ts';
import { addressKey } from '../limits/address-key.ts';
import type { RateLimits } from '../limits/rate-limits.ts';

/** Who tries to prove what, from where. */
export interface Attempt {
  /** The account that has the name; null where none has. */
  readonly userId: ObjectId | null;
  /** The name as it was sent. */
  readonly name: unknown;
  readonly ip: string | null;
}

const STEP_MS = 250;
const MOST_MS = 5_000;
const MOST_WAITING = 8;
const MOST_SESSIONS = 1_000;

/**
 * Decides whether a password may be tried. What is tried is spent before it is checked and given back when it was
 * right, so that guesses in parallel are no more than those one by one.
 *
 * Who guesses from elsewhere never keeps the owner out: what is refused is one address’s guesses at one account. Many
 * addresses together make the account slow, not shut, and only for addresses that it has no session of.
 */
export class LoginGuard {
  private readonly limits: RateLimits;
  private readonly sessions: Collections['sessions'];
  private readonly waiting = new Map<string, number>();

  constructor(limits: RateLimits, sessions: Collections['sessions']) {
    this.limits = limits;
    this.sessions = sessions;
  }

  /** Resolves once the password may be checked, with what to call when it was right; else RATE_LIMITED. */
  async admit({ userId, name, ip }: Attempt): Promise<() => Promise<void>> {
    const address = addressKey(ip);
    // A name that nobody has counts as one that somebody has, so that limits tell of no account.
    const account = userId ? `id ${userId.toHexString()}` : `name ${`${name}`.trim().toLowerCase()}`;
    const pair = `${account} ${address}`;
    await this.limits.spend('login-address', address);
    try {
      await this.limits.spend('login-account', pair);
    } catch (error) {
      await this.limits.giveBack('login-address', address);
      throw error;
    }
    const beyond = await this.limits.tally('login-total', account);
    const giveBack = async () => {
      await Promise.all([
        this.limits.giveBack('login-address', address),
        this.limits.giveBack('login-account', pair),
        this.limits.giveBack('login-total', account),
      ]);
    };
    if (beyond > 0 && !(await this.isKnown(userId, address))) {
      // Who is sent away has not guessed: an owner who tries again and again must not spend what is his.
      if (!this.mayWait(account)) {
        await giveBack();
        throw crowded();
      }
      await this.wait(account, beyond);
    }
    return async () => {
      await Promise.all([
        this.limits.giveBack('login-address', address),
        this.limits.forget('login-account', pair),
        this.limits.giveBack('login-total', account),
      ]);
    };
  }

  /** Whether the account has, or had of late, a session of this address. */
  private async isKnown(userId: ObjectId | null, address: string): Promise<boolean> {
    const sessions = await this.sessions
      // Also asked for an account that is not there, which must not answer faster.
      .find({ userId: userId as ObjectId }, { _id: 0, ip: 1 })
      .hint('user_sessions')
      .limit(MOST_SESSIONS)
      .lean();
    return sessions.some(({ ip }) => ip && addressKey(ip) === address);
  }

  private mayWait(account: string): boolean {
    return (this.waiting.get(account) ?? 0) < MOST_WAITING;
  }

  private async wait(account: string, beyond: number): Promise<void> {
    this.waiting.set(account, (this.waiting.get(account) ?? 0) + 1);
    try {
      await pause(Math.min(MOST_MS, beyond * STEP_MS));
    } finally {
      const left = (this.waiting.get(account) ?? 1) - 1;
      if (left > 0) this.waiting.set(account, left);
      else this.waiting.delete(account);
    }
  }
}

function crowded(): AppError {
  const seconds = MOST_MS / 1000;
  return new AppError('RATE_LIMITED', `Too many try this account: try again in ${seconds} seconds.`, {
    retryAfter: seconds,
  });
}
