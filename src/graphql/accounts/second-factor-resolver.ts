import { Arg, Ctx, FieldResolver, ID, Mutation, Resolver, Root } from 'type-graphql';
import { User } from '../../models/user.ts';
import { type Context, viewerOf } from '../context.ts';
import { Needs } from '../permissions.ts';
import { refuseOthers, type Shown } from './account-types.ts';
import { SecondFactorSetup } from './second-factor-types.ts';

const PASSWORD = { description: 'The account’s password.' };
const CODE = { description: 'A code of the authenticator app, or a recovery code; it is used up.' };

/** The second factor of accounts: on, off, and lost. */
@Resolver(() => User)
export class SecondFactorResolver {
  @Needs('account:read or anonymous')
  @FieldResolver(() => Boolean, {
    description:
      'Whether logins need a code beside the password; shown to the account itself and to administrators only.',
  })
  hasSecondFactor(@Root() user: Shown, @Ctx() context: Context): Promise<boolean> {
    refuseOthers(user, context);
    return context.loaders.secondFactors.load(user._id.toHexString());
  }

  @Needs('session')
  @Mutation(() => SecondFactorSetup, {
    description:
      'Makes a secret for an authenticator app; `confirmSecondFactor` switches it on. CONFLICT while one is on.',
  })
  beginSecondFactor(
    @Arg('password', () => String, PASSWORD) password: string,
    @Ctx() context: Context,
  ): Promise<SecondFactorSetup> {
    return context.services.secondFactor.begin(viewerOf(context), password);
  }

  @Needs('session')
  @Mutation(() => [String], {
    description:
      'Switches the second factor on and ends every other session. Answers ten recovery codes, this once.',
  })
  confirmSecondFactor(
    @Arg('code', () => String, { description: 'The code that the authenticator app shows now.' })
    code: string,
    @Ctx() context: Context,
  ): Promise<string[]> {
    return context.services.secondFactor.confirm(viewerOf(context), code);
  }

  @Needs('session')
  @Mutation(() => Boolean, {
    description: 'Switches the own second factor off. CONFLICT where none is on.',
  })
  async disableSecondFactor(
    @Arg('password', () => String, PASSWORD) password: string,
    @Arg('code', () => String, CODE) code: string,
    @Ctx() context: Context,
  ): Promise<boolean> {
    await context.services.secondFactor.disable(viewerOf(context), password, code);
    return true;
  }

  @Needs('session')
  @Mutation(() => [String], {
    description: 'Answers ten new recovery codes, this once; those of before count no more.',
  })
  renewRecoveryCodes(
    @Arg('password', () => String, PASSWORD) password: string,
    @Arg('code', () => String, CODE) code: string,
    @Ctx() context: Context,
  ): Promise<string[]> {
    return context.services.secondFactor.renewRecoveryCodes(viewerOf(context), password, code);
  }

  @Needs('admin')
  @Mutation(() => Boolean, {
    description: 'Switches another account’s second factor off; false when none was on.',
  })
  resetSecondFactor(
    @Arg('userId', () => ID, { description: 'The account’s id.' }) userId: string,
    @Ctx() context: Context,
  ): Promise<boolean> {
    return context.services.secondFactor.reset(viewerOf(context), userId);
  }
}
