import { Arg, Ctx, FieldResolver, ID, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import { AppError, hasCode } from '../../errors.ts';
import { Session } from '../../models/session.ts';
import { MOST_LISTED } from '../../services/sessions/sessions.ts';
import { type Context, viewerOf } from '../context.ts';
import { Listed } from '../documents/list-sizes.ts';
import { Needs } from '../permissions.ts';
import { LoginInput, RegisterInput } from './account-inputs.ts';
import { AuthPayload, authPayload } from './account-types.ts';

/** How sessions begin, go on and end. */
@Resolver(() => Session)
export class SessionResolver {
  @Listed(MOST_LISTED)
  @Needs('session')
  @Query(() => [Session], { description: 'The own live sessions, the most recently used first.' })
  sessions(@Ctx() context: Context): Promise<Session[]> {
    return context.services.sessions.list(viewerOf(context).userId);
  }

  @Needs('inherited')
  @FieldResolver(() => Boolean, { description: 'Whether the access token of this request belongs to it.' })
  current(@Root() session: Pick<Session, '_id'>, @Ctx() context: Context): boolean {
    return context.viewer?.sessionId?.equals(session._id) ?? false;
  }

  @Needs('anyone')
  @Mutation(() => AuthPayload, {
    description: 'Makes an account and logs it in. CONFLICT names the field that another account has.',
  })
  async register(
    @Arg('input', () => RegisterInput, { description: 'The new account.' }) input: RegisterInput,
    @Ctx() { services, client, refreshCookie }: Context,
  ): Promise<AuthPayload> {
    return authPayload(await services.accounts.register(input, client), refreshCookie);
  }

  @Needs('anyone')
  @Mutation(() => AuthPayload, {
    description: 'Opens a session. Whatever is wrong with the credentials, the answer is the same.',
  })
  async login(
    @Arg('input', () => LoginInput, { description: 'The credentials.' }) input: LoginInput,
    @Ctx() { services, client, refreshCookie }: Context,
  ): Promise<AuthPayload> {
    return authPayload(await services.accounts.login(input, client), refreshCookie);
  }

  @Needs('anyone')
  @Mutation(() => AuthPayload, {
    description:
      'Exchanges a refresh token for new tokens. Each works once; using an old one again ends its session.',
  })
  async refreshToken(
    @Arg('refreshToken', () => String, {
      nullable: true,
      description: 'The token; left out by a browser that keeps it in the cookie.',
    })
    refreshToken: string | null | undefined,
    @Ctx() { services, refreshCookie }: Context,
  ): Promise<AuthPayload> {
    const token = refreshToken ?? refreshCookie.token;
    if (token === undefined) throw missingToken(refreshCookie.wanted);
    try {
      return authPayload(await services.accounts.refresh(token), refreshCookie);
    } catch (error) {
      if (refreshCookie.wanted && hasCode(error, 'UNAUTHENTICATED')) refreshCookie.clear();
      throw error;
    }
  }

  @Needs('session')
  @Mutation(() => Boolean, { description: 'Ends the session of the access token used, at once.' })
  async logout(@Ctx() context: Context): Promise<boolean> {
    if (context.refreshCookie.wanted) context.refreshCookie.clear();
    await context.services.accounts.logout(viewerOf(context));
    return true;
  }

  @Needs('session')
  @Mutation(() => Int, { description: 'Ends every own session, this one included, and says how many.' })
  async logoutAll(@Ctx() context: Context): Promise<number> {
    if (context.refreshCookie.wanted) context.refreshCookie.clear();
    return context.services.accounts.logoutAll(viewerOf(context));
  }

  @Needs('session')
  @Mutation(() => Boolean, { description: 'Ends one own session, at once.' })
  async revokeSession(
    @Arg('id', () => ID, { description: 'The session’s id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<boolean> {
    await context.services.sessions.revoke(viewerOf(context), id);
    return true;
  }
}

function missingToken(isCookieWanted: boolean): AppError {
  if (isCookieWanted) return new AppError('UNAUTHENTICATED', 'There is no refresh cookie: log in first.');
  const message = 'Send the refresh token, or keep it in the cookie with `x-refresh-token-delivery: cookie`.';
  return new AppError('BAD_USER_INPUT', message, { issues: [{ field: 'refreshToken', message }] });
}
