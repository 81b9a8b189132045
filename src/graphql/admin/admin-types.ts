import { Field, Int, ObjectType } from 'type-graphql';
import { AuditEvent, type AuditEvent as AuditEventShape } from '../../models/audit-event.ts';
import { StorageProvider } from '../../models/file-enums.ts';
import { DateTime, SafeInt } from '../../models/scalars.ts';
import { User, type User as UserShape } from '../../models/user.ts';
import { PageInfo } from '../connections.ts';

/** An account at its place in a list. */
@ObjectType({ description: 'An account at its place in a list.' })
export class UserEdge {
  @Field(() => String, { simple: true, description: 'Names the place; valid for the same search only.' })
  cursor!: () => string;

  @Field(() => User, { simple: true, description: 'The account.' })
  node!: UserShape;
}

/** One page of a list of accounts; each field is computed only when it is asked for. */
@ObjectType({ description: 'One page of a list of accounts.' })
export class UserConnection {
  @Field(() => [UserEdge], { simple: true, description: 'The page’s accounts with their cursors.' })
  edges!: () => UserEdge[];

  @Field(() => [User], { simple: true, description: 'The page’s accounts alone.' })
  nodes!: readonly UserShape[];

  @Field(() => PageInfo, { simple: true, description: 'Where the page lies in the list.' })
  pageInfo!: () => PageInfo;

  @Field(() => Int, {
    simple: true,
    description: 'Accounts in the whole list; with a search it costs a count, so ask only when shown.',
  })
  totalCount!: () => Promise<number>;
}

/** An event at its place in the audit trail. */
@ObjectType({ description: 'An event at its place in the audit trail.' })
export class AuditEventEdge {
  @Field(() => String, { simple: true, description: 'Names the place, whatever the filter.' })
  cursor!: () => string;

  @Field(() => AuditEvent, { simple: true, description: 'The event.' })
  node!: AuditEventShape;
}

/** One page of the audit trail; each field is computed only when it is asked for. */
@ObjectType({ description: 'One page of the audit trail.' })
export class AuditEventConnection {
  @Field(() => [AuditEventEdge], { simple: true, description: 'The page’s events with their cursors.' })
  edges!: () => AuditEventEdge[];

  @Field(() => [AuditEvent], { simple: true, description: 'The page’s events alone.' })
  nodes!: readonly AuditEventShape[];

  @Field(() => PageInfo, { simple: true, description: 'Where the page lies in the list.' })
  pageInfo!: () => PageInfo;

  @Field(() => Int, {
    simple: true,
    description: 'Events in the whole list; costs a count, so ask only when shown.',
  })
  totalCount!: () => Promise<number>;
}

/** What a provider holds. */
@ObjectType({ description: 'What a provider holds, second copies aside.' })
export class ProviderStorage {
  @Field(() => StorageProvider, { simple: true, description: 'The provider.' })
  provider!: StorageProvider;

  @Field(() => Int, { simple: true, description: 'Distinct contents.' })
  contents!: number;

  @Field(() => SafeInt, { simple: true, description: 'Their bytes.' })
  bytes!: number;
}

/** An account and how much it stores. */
@ObjectType({ description: 'An account and how much it stores.' })
export class LargestAccount {
  @Field(() => SafeInt, {
    simple: true,
    description: 'Bytes of all its files, the trash and running uploads included.',
  })
  usedBytes!: number;

  @Field(() => SafeInt, {
    simple: true,
    nullable: true,
    description: 'The most bytes it may use; null is unlimited.',
  })
  quotaBytes!: number | null;
}

/** Sums over everything that is stored. */
@ObjectType({ description: 'Sums over everything that is stored.' })
export class StorageReport {
  @Field(() => DateTime, {
    simple: true,
    description:
      'When the sums were begun: they are made at most once a minute, and seldom where that takes long.',
  })
  asOf!: Date;

  @Field(() => Int, { simple: true, description: 'Accounts, those that are just being removed aside.' })
  accounts!: number;

  @Field(() => Int, { simple: true, description: 'Accounts that are not deactivated.' })
  activeAccounts!: number;

  @Field(() => Int, { simple: true, description: 'Active accounts with the role ADMIN.' })
  administrators!: number;

  @Field(() => Int, { simple: true, description: 'Files, the trash included.' })
  files!: number;

  @Field(() => SafeInt, {
    simple: true,
    description: 'Bytes that count against the quotas: of all files, the trash and running uploads included.',
  })
  bytes!: number;

  @Field(() => [ProviderStorage], {
    simple: true,
    description: 'What is stored where: equal contents count once.',
  })
  storedByProvider!: ProviderStorage[];

  @Field(() => Int, { simple: true, description: 'Files in the trash.' })
  trashedFiles!: number;

  @Field(() => Int, { simple: true, description: 'Uploads that are under way or were cut short.' })
  unfinishedUploads!: number;

  @Field(() => Int, { simple: true, description: 'Contents that wait for a copy to be made or repaired.' })
  contentsWaitingForCopies!: number;

  @Field(() => Int, { simple: true, description: 'Contents that wait for a virus scanner.' })
  contentsWaitingForScan!: number;

  @Field(() => Int, { simple: true, description: 'Files whose content is lost.' })
  lostFiles!: number;

  @Field(() => Int, { simple: true, description: 'Files in quarantine.' })
  quarantinedFiles!: number;

  @Field(() => [LargestAccount], {
    simple: true,
    description: 'The ten accounts that use the most bytes, the largest first.',
  })
  largestAccounts!: LargestAccount[];
}
