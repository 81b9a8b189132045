import { Arg, Ctx, Mutation, Resolver } from 'type-graphql';
import { User } from '../../models/user.ts';
import { type Context, viewerOf } from '../context.ts';
import { Needs } from '../permissions.ts';
import { provedNowToBe } from './account-types.ts';

/** What an account does with the tokens that it gets by mail. */
@Resolver()
export class MailResolver {
  @Needs('anyone')
  @Mutation(() => User, {
    description:
      'Verifies the address of the account that got this token by mail. It opens no session. BAD_USER_INPUT for a token that does not work any more.',
  })
  async verifyEmail(
    @Arg('token', () => String, { description: 'The token of the mailed link; it works once, for 24 hours.' })
    token: string,
    @Ctx() { services }: Context,
  ): Promise<User> {
    // Who has the token reads the account’s mail, and could as well set its password anew.
    return provedNowToBe(await services.verification.verify(token));
  }

  @Needs('session')
  @Mutation(() => Boolean, {
    description:
      'Mails a new link to verify the own address; older ones end. False when the address is verified already.',
  })
  resendVerificationEmail(@Ctx() context: Context): Promise<boolean> {
    return context.services.verification.resend(viewerOf(context));
  }

  @Needs('anyone')
  @Mutation(() => Boolean, {
    description:
      'Mails a link to set a new password to the account of this address, where there is one. Always true.',
  })
  async forgotPassword(
    @Arg('email', () => String, { description: 'The account’s address.' }) email: string,
    @Ctx() { services }: Context,
  ): Promise<boolean> {
    await services.passwordReset.ask(email);
    return true;
  }

  @Needs('anyone')
  @Mutation(() => Boolean, {
    description:
      'Sets a new password by a mailed token and ends every session of the account. BAD_USER_INPUT for a token that does not work any more.',
  })
  async resetPassword(
    @Arg('token', () => String, {
      description: 'The token of the mailed link; it works once, for 10 minutes.',
    })
    token: string,
    @Arg('newPassword', () => String, { description: '8–200 characters.' }) newPassword: string,
    @Ctx() { services }: Context,
  ): Promise<boolean> {
    await services.passwordReset.reset(token, newPassword);
    return true;
  }
}
