import { Field, ObjectType } from 'type-graphql';
import { AppError } from '../../errors.ts';
import { DateTime } from '../../models/scalars.ts';
import { Role, User } from '../../models/user.ts';
import type { SignedIn } from '../../services/sessions/sessions.ts';
import type { Context, RefreshCookie } from '../context.ts';

/** The tokens of a session and the account they speak for. */
@ObjectType({ description: 'The tokens of a session and the account they speak for.' })
export class AuthPayload {
  @Field(() => String, {
    simple: true,
    description: 'Send it as `Authorization: Bearer <accessToken>` with every request.',
  })
  accessToken!: string;

  @Field(() => String, {
    simple: true,
    description:
      'Works once, for `refreshToken`, within 7 days. Empty when the request sent `x-refresh-token-delivery: cookie`: the token is then in an HttpOnly cookie.',
  })
  refreshToken!: string;

  @Field(() => DateTime, { simple: true, description: 'When the access token ends.' })
  expiresAt!: Date;

  @Field(() => User, { simple: true, description: 'The account.' })
  user!: User;
}

const provedNow = new WeakSet<object>();

// Not the class itself: TypeGraphQL would copy the root into a new instance, and provedNow knows the original.
/** An account as far as it decides who sees what of it. */
export type Shown = Pick<User, '_id' | 'email'>;

/** Lets the account itself pass, administrators, and whoever has just proved to be that user; FORBIDDEN for all others. */
export function refuseOthers(user: Shown, { viewer }: Context): void {
  const isAllowed = viewer?.userId.equals(user._id) || viewer?.role === Role.ADMIN || provedNow.has(user);
  if (!isAllowed) throw new AppError('FORBIDDEN', 'not authorised');
}

/** Marks the account as answered to somebody who has just proved to be that user. */
export function provedNowToBe(user: User): User {
  provedNow.add(user);
  return user;
}

/** The payload of a fresh or renewed session; the refresh token goes into the cookie where that was asked for. */
export function authPayload({ user, tokens }: SignedIn, cookie: RefreshCookie): AuthPayload {
  // The request that logs in carries no access token yet, but its answer may show the account to its owner.
  provedNow.add(user);
  if (cookie.wanted) cookie.set(tokens.refreshToken, tokens.refreshExpiresAt);
  return {
    accessToken: tokens.accessToken,
    refreshToken: cookie.wanted ? '' : tokens.refreshToken,
    expiresAt: tokens.accessExpiresAt,
    user,
  };
}
