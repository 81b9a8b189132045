import { Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { DateTime } from '../../models/scalars.ts';
import { Role, User } from '../../models/user.ts';
import type { Context } from '../context.ts';
import { Needs } from '../permissions.ts';
import { refuseOthers, type Shown } from './account-types.ts';

type Facts<K extends keyof User> = Shown & Pick<User, K>;

/** What an account shows to itself and to administrators alone: strangers could learn from it whom to attack, and when. */
@Resolver(() => User)
export class PrivateFactsResolver {
  @Needs('account:read or anonymous')
  @FieldResolver(() => Role, {
    description:
      'What the account may do beyond its own files; shown to the account itself and to administrators only.',
  })
  role(@Root() user: Facts<'role'>, @Ctx() context: Context): Role {
    refuseOthers(user, context);
    return user.role;
  }

  @Needs('account:read or anonymous')
  @FieldResolver(() => Boolean, {
    description:
      'Whether the owner proved to receive mail at this address; shown to the account itself and to administrators only.',
  })
  isEmailVerified(@Root() user: Facts<'isEmailVerified'>, @Ctx() context: Context): boolean {
    refuseOthers(user, context);
    return user.isEmailVerified;
  }

  @Needs('account:read or anonymous')
  @FieldResolver(() => Boolean, {
    description:
      'False once deactivated: no login, and its tokens end at once; shown to the account itself and to administrators only.',
  })
  isActive(@Root() user: Facts<'isActive'>, @Ctx() context: Context): boolean {
    refuseOthers(user, context);
    return user.isActive;
  }

  @Needs('account:read or anonymous')
  @FieldResolver(() => DateTime, {
    nullable: true,
    description:
      'When a login last succeeded; null before the first. Shown to the account itself and to administrators only.',
  })
  lastLogin(@Root() user: Facts<'lastLogin'>, @Ctx() context: Context): Date | null {
    refuseOthers(user, context);
    return user.lastLogin ?? null;
  }

  @Needs('account:read or anonymous')
  @FieldResolver(() => DateTime, {
    description: 'When the account last changed; shown to the account itself and to administrators only.',
  })
  updatedAt(@Root() user: Facts<'updatedAt'>, @Ctx() context: Context): Date {
    refuseOthers(user, context);
    return user.updatedAt;
  }
}
