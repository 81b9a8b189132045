import { Arg, Ctx, FieldResolver, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import { AppError } from '../../errors.ts';
import { StorageUsage, User } from '../../models/user.ts';
import type { Usage } from '../../services/accounts/profiles.ts';
import { type Context, viewerOf } from '../context.ts';
import { Needs } from '../permissions.ts';
import { UpdateProfileInput } from './account-inputs.ts';
import { refuseOthers, type Shown } from './account-types.ts';

/** The account of the viewer, and what others may see of an account. */
@Resolver(() => User)
export class AccountResolver {
  @Needs('account:read')
  @Query(() => User, { description: 'The own account.' })
  async me(@Ctx() context: Context): Promise<User> {
    const user = await context.services.accounts.find(viewerOf(context).userId);
    if (!user) throw new AppError('UNAUTHENTICATED', 'This account has ended.');
    return user;
  }

  @Needs('account:read or anonymous')
  @FieldResolver(() => String, { description: 'Shown to the account itself and to administrators only.' })
  email(@Root() user: Shown, @Ctx() context: Context): string {
    refuseOthers(user, context);
    return user.email;
  }

  @Needs('inherited')
  @FieldResolver(() => String, {
    nullable: true,
    description: 'Where the account’s image is; null without one.',
  })
  avatarUrl(
    @Root() user: Pick<User, '_id' | 'avatarVersion' | 'isActive'>,
    @Ctx() context: Context,
  ): string | null {
    return user.avatarVersion && user.isActive ? context.services.avatars.url(user) : null;
  }

  @Needs('account:read or anonymous')
  @FieldResolver(() => StorageUsage, {
    description: 'How much the account stores; shown to the account itself and to administrators only.',
  })
  usage(@Root() user: Shown, @Ctx() context: Context): Promise<StorageUsage> {
    refuseOthers(user, context);
    return context.services.accounts.usage(user._id);
  }

  @Needs('session')
  @Mutation(() => User, { description: 'Changes the own profile. CONFLICT when the username is taken.' })
  updateProfile(
    @Arg('input', () => UpdateProfileInput, { description: 'The changes.' }) input: UpdateProfileInput,
    @Ctx() context: Context,
  ): Promise<User> {
    return context.services.accounts.updateProfile(viewerOf(context), input);
  }

  @Needs('session')
  @Mutation(() => Boolean, { description: 'Sets a new password and ends every other session at once.' })
  async changePassword(
    @Arg('oldPassword', () => String, { description: 'The password up to now.' }) oldPassword: string,
    @Arg('newPassword', () => String, { description: '8–200 characters.' }) newPassword: string,
    @Ctx() context: Context,
  ): Promise<boolean> {
    await context.services.accounts.changePassword(viewerOf(context), oldPassword, newPassword);
    return true;
  }

  @Needs('session')
  @Mutation(() => Boolean, {
    description:
      'Deletes the own account for good: its sessions end at once, its files are removed soon after.',
  })
  async deleteAccount(
    @Arg('password', () => String, { description: 'The account’s password.' }) password: string,
    @Ctx() context: Context,
  ): Promise<boolean> {
    await context.services.accounts.deleteAccount(viewerOf(context), password);
    if (context.refreshCookie.wanted) context.refreshCookie.clear();
    return true;
  }
}

/** The part of a storage usage that costs a count, made only when asked for. */
@Resolver(() => StorageUsage)
export class StorageUsageResolver {
  @Needs('account:read or anonymous')
  @FieldResolver(() => Int, { description: 'How many files the account has, the trash included.' })
  fileCount(@Root() usage: Pick<Usage, '_id'>, @Ctx() context: Context): Promise<number> {
    return context.services.accounts.countFiles(usage._id);
  }
}
