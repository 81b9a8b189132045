import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import { Grant } from '../../models/grant.ts';
import { User } from '../../models/user.ts';
import { DEFAULT_PAGE } from '../../services/files/file-listing.ts';
import type { ShownGrant } from '../../services/sharing/people/grants.ts';
import type { SharedThing } from '../../services/sharing/people/shared-things.ts';
import { type Context, viewerOf } from '../context.ts';
import { Listed } from '../documents/list-sizes.ts';
import { Needs } from '../permissions.ts';
import { GrantAccessInput, RevokeAccessInput, SharedItemInput, SharedWithMeArgs } from './grant-inputs.ts';
import { GrantConnection, grantConnectionOf } from './grant-types.ts';
import { SharedItem } from './shared-item.ts';

/** People share with people. */
@Resolver(() => Grant)
export class GrantResolver {
  @Needs('shares:write')
  @Mutation(() => Grant, {
    description:
      'Gives somebody a permission on a file or a folder; for its owner, and for who holds MANAGE on it.',
  })
  grantAccess(
    @Arg('input', () => GrantAccessInput, { description: 'Who is given what.' }) input: GrantAccessInput,
    @Ctx() context: Context,
  ): Promise<Grant> {
    return context.services.grants.give(viewerOf(context), input);
  }

  @Needs('shares:write')
  @Mutation(() => Boolean, {
    description:
      'Takes back what somebody was given here: all of it for the owner, what one gave oneself for others. False when there was nothing.',
  })
  revokeAccess(
    @Arg('input', () => RevokeAccessInput, { description: 'What is taken back from whom.' })
    input: RevokeAccessInput,
    @Ctx() context: Context,
  ): Promise<boolean> {
    return context.services.grants.revoke(viewerOf(context), input);
  }

  @Needs('shares:write')
  @Mutation(() => Boolean, {
    description: 'Gives up what the viewer was given on a file or a folder; false when that was nothing.',
  })
  leaveShare(
    @Arg('input', () => SharedItemInput, { description: 'The file or the folder.' }) input: SharedItemInput,
    @Ctx() context: Context,
  ): Promise<boolean> {
    return context.services.grants.leave(viewerOf(context), input);
  }

  @Listed(DEFAULT_PAGE)
  @Needs('files:read')
  @Query(() => GrantConnection, {
    description:
      'What others shared with the viewer, the newest first; each file and folder once, with the strongest grant on it.',
  })
  async sharedWithMe(
    @Args(() => SharedWithMeArgs) args: SharedWithMeArgs,
    @Ctx() context: Context,
  ): Promise<GrantConnection> {
    const { grantListing } = context.services;
    return grantConnectionOf(await grantListing.sharedWith(viewerOf(context), args.kind ?? null, args));
  }

  @Needs('inherited')
  @FieldResolver(() => SharedItem, { description: 'The file or the folder.' })
  item(@Root() { item }: ShownGrant): SharedThing {
    return item;
  }

  @Needs('inherited')
  @FieldResolver(() => User, {
    nullable: true,
    description: 'Who was given it; null once the account is gone.',
  })
  grantee(@Root() { grantee }: Grant, @Ctx() { loaders }: Context): Promise<User | null> {
    return loaders.users.load(grantee.toHexString());
  }

  @Needs('inherited')
  @FieldResolver(() => User, { nullable: true, description: 'Who gave it; null once the account is gone.' })
  sharedBy(@Root() { grantedBy }: Grant, @Ctx() { loaders }: Context): Promise<User | null> {
    return loaders.users.load(grantedBy.toHexString());
  }
}
