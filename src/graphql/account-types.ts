import { Field, ObjectType } from 'type-graphql';
import { DateTime } from '../models/scalars.ts';
import { User } from '../models/user.ts';
import type { SignedIn } from '../services/accounts/sessions.ts';
import type { RefreshCookie } from './context.ts';

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

/** Whether this very object was answered to someone who had just proved to be that user. */
export const isProvedNow = (user: object): boolean => provedNow.has(user);

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
