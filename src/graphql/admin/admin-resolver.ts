import { Arg, Args, Ctx, FieldResolver, ID, Mutation, Query, Resolver, Root } from 'type-graphql';
import { AppError } from '../../errors.ts';
import { AuditEvent } from '../../models/audit-event.ts';
import { SafeInt } from '../../models/scalars.ts';
import { Role, User } from '../../models/user.ts';
import type { AccountBytes } from '../../services/admin/storage-report.ts';
import { DEFAULT_PAGE } from '../../services/files/file-listing.ts';
import { countedConnectionOf } from '../connections.ts';
import { type Context, viewerOf } from '../context.ts';
import { Listed } from '../documents/list-sizes.ts';
import { Needs } from '../permissions.ts';
import { AuditListArgs, UserListArgs } from './admin-inputs.ts';
import { AuditEventConnection, LargestAccount, StorageReport, UserConnection } from './admin-types.ts';

/** What administrators see and change. */
@Resolver()
export class AdminResolver {
  @Listed(DEFAULT_PAGE)
  @Needs('admin')
  @Query(() => UserConnection, {
    description:
      'All accounts, the newest first; with a search those that match by their username, then by their address.',
  })
  async users(
    @Args(() => UserListArgs) args: UserListArgs,
    @Ctx() { services }: Context,
  ): Promise<UserConnection> {
    return countedConnectionOf(await services.accountListing.page(args.search, args));
  }

  @Needs('admin')
  @Query(() => User, { nullable: true, description: 'One account; null when there is none.' })
  user(
    @Arg('id', () => ID, { description: 'The account’s id.' }) id: string,
    @Ctx() { services }: Context,
  ): Promise<User | null> {
    return services.administration.find(id);
  }

  @Listed(DEFAULT_PAGE)
  @Needs('admin')
  @Query(() => AuditEventConnection, { description: 'The audit trail, the newest events first.' })
  async auditEvents(
    @Args(() => AuditListArgs) args: AuditListArgs,
    @Ctx() { services }: Context,
  ): Promise<AuditEventConnection> {
    return countedConnectionOf(await services.auditListing.page(args.filter ?? {}, args));
  }

  @Needs('admin')
  @Query(() => StorageReport, { description: 'Sums over everything that is stored, up to a minute old.' })
  async storageReport(@Ctx() { services }: Context): Promise<StorageReport> {
    return (await services.storageReports.get()) as unknown as StorageReport;
  }

  @Needs('admin')
  @Mutation(() => User, {
    description:
      'Shuts an account out, with its sessions, keys, signed addresses and transfers, or lets it in again. CONFLICT for the last administrator.',
  })
  setUserActive(
    @Arg('id', () => ID, { description: 'The account’s id.' }) id: string,
    @Arg('isActive', () => Boolean, { description: 'Whether it may come in.' }) isActive: boolean,
    @Ctx() context: Context,
  ): Promise<User> {
    return context.services.administration.setActive(viewerOf(context), id, isActive);
  }

  @Needs('admin')
  @Mutation(() => User, {
    description: 'Sets what an account may do beyond its own files. CONFLICT for the last administrator.',
  })
  setUserRole(
    @Arg('id', () => ID, { description: 'The account’s id.' }) id: string,
    @Arg('role', () => Role, { description: 'The role.' }) role: Role,
    @Ctx() context: Context,
  ): Promise<User> {
    return context.services.administration.setRole(viewerOf(context), id, role);
  }

  @Needs('admin')
  @Mutation(() => User, {
    description:
      'Sets how much an account may store. Less than it stores is allowed: it keeps its files and can store no more.',
  })
  setUserQuota(
    @Arg('id', () => ID, { description: 'The account’s id.' }) id: string,
    @Arg('quotaBytes', () => SafeInt, { nullable: true, description: 'Bytes, 0 or more; null is unlimited.' })
    quotaBytes: number | null | undefined,
    @Ctx() context: Context,
  ): Promise<User> {
    // An argument that was forgotten must not lift a quota.
    if (quotaBytes === undefined) {
      const message = 'Say how many bytes, or null for no limit.';
      throw new AppError('BAD_USER_INPUT', message, { issues: [{ field: 'quotaBytes', message }] });
    }
    return context.services.administration.setQuota(viewerOf(context), id, quotaBytes);
  }
}

/** The accounts that events speak of. */
@Resolver(() => AuditEvent)
export class AuditEventResolver {
  @Needs('admin')
  @FieldResolver(() => User, {
    nullable: true,
    description: 'The account that did it, while it is there.',
  })
  actor(
    @Root() event: Pick<AuditEvent, 'actorId'>,
    @Ctx() { loaders }: Context,
  ): Promise<User | null> | null {
    return event.actorId ? loaders.users.load(event.actorId.toHexString()) : null;
  }

  @Needs('admin')
  @FieldResolver(() => User, {
    nullable: true,
    description: 'The account it was done to, while it is there.',
  })
  subject(
    @Root() event: Pick<AuditEvent, 'subjectId'>,
    @Ctx() { loaders }: Context,
  ): Promise<User | null> | null {
    return event.subjectId ? loaders.users.load(event.subjectId.toHexString()) : null;
  }
}

/** Who uses how much. */
@Resolver(() => LargestAccount)
export class LargestAccountResolver {
  @Needs('admin')
  @FieldResolver(() => User, { nullable: true, description: 'The account, while it is there.' })
  user(@Root() { userId }: Pick<AccountBytes, 'userId'>, @Ctx() { loaders }: Context): Promise<User | null> {
    return loaders.users.load(userId.toHexString());
  }
}
