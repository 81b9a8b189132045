import { IsOptional, MaxLength, ValidateNested } from 'class-validator';
import { ArgsType, Field, ID, InputType, Int } from 'type-graphql';
import { AuditAction, AuditOutcome } from '../../models/audit-event.ts';
import { DateTime } from '../../models/scalars.ts';

const SEARCH_LENGTH = 254;

/** Paging forward through a list that administrators see. */
@ArgsType()
export class AdminListArgs {
  @Field(() => Int, { nullable: true, description: 'How many entries a page has, 1–100; default 25.' })
  first?: number | null;

  @Field(() => String, { nullable: true, description: 'The cursor after which the page begins.' })
  after?: string | null;
}

/** Which accounts to list. */
@ArgsType()
export class UserListArgs extends AdminListArgs {
  @Field(() => String, {
    nullable: true,
    description: 'How the username or the email address begins, whatever the case; at most 254 characters.',
  })
  @IsOptional()
  @MaxLength(SEARCH_LENGTH)
  search?: string | null;
}

/** Which events of the audit trail to show. */
@InputType({ description: 'Which events to show; every given field must hold.' })
export class AuditEventFilter {
  @Field(() => AuditAction, { nullable: true, description: 'What was done.' })
  action?: AuditAction | null;

  @Field(() => AuditOutcome, { nullable: true, description: 'Whether it was done or refused.' })
  outcome?: AuditOutcome | null;

  @Field(() => ID, { nullable: true, description: 'The account that did it.' })
  actorId?: string | null;

  @Field(() => ID, { nullable: true, description: 'The account it was done to.' })
  subjectId?: string | null;

  @Field(() => ID, { nullable: true, description: 'The file, session or key it was done to.' })
  targetId?: string | null;

  @Field(() => DateTime, { nullable: true, description: 'At this moment or later.' })
  since?: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'Before this moment.' })
  until?: Date | null;
}

/** Which page of the audit trail to show. */
@ArgsType()
export class AuditListArgs extends AdminListArgs {
  @Field(() => AuditEventFilter, { nullable: true, description: 'Which events to show.' })
  @IsOptional()
  @ValidateNested()
  filter?: AuditEventFilter | null;
}
