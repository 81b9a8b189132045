import { IsOptional, MaxLength } from 'class-validator';
import { ArgsType, Field, ID, InputType, Int } from 'type-graphql';
import { Permission, ShareKind } from '../../models/grant.ts';
import { EMAIL_LENGTH } from '../../services/accounts/account-rules.ts';

/** Which file or folder is meant. */
@InputType({ description: 'A file or a folder: exactly one of the two.' })
export class SharedItemInput {
  @Field(() => ID, { nullable: true, description: 'The file’s id.' })
  fileId?: string | null;

  @Field(() => ID, { nullable: true, description: 'The folder’s id: it, and everything below it.' })
  folderId?: string | null;
}

/** What somebody gives somebody else. */
@InputType({ description: 'Who is to be given which permission on a file or a folder.' })
export class GrantAccessInput extends SharedItemInput {
  @Field(() => String, {
    nullable: true,
    description: 'The person’s username, or the email address that they verified; this or `userId`.',
  })
  @IsOptional()
  @MaxLength(EMAIL_LENGTH)
  user?: string | null;

  @Field(() => ID, { nullable: true, description: 'The person’s id.' })
  userId?: string | null;

  @Field(() => Permission, { description: 'What to give; it replaces what you gave them here before.' })
  permission!: Permission;
}

/** What is taken back from somebody. */
@InputType({ description: 'Whose permission on a file or a folder is to be taken back.' })
export class RevokeAccessInput extends SharedItemInput {
  @Field(() => ID, { description: 'The person’s id.' })
  userId!: string;
}

/** Paging forward through a list of grants. */
@ArgsType()
export class GrantListArgs {
  @Field(() => Int, {
    nullable: true,
    description: 'How many grants from the start of the list, 1–100; default 25.',
  })
  first?: number | null;

  @Field(() => String, { nullable: true, description: 'The cursor after which the page begins.' })
  after?: string | null;
}

/** The same, of files or of folders only. */
@ArgsType()
export class SharedWithMeArgs extends GrantListArgs {
  @Field(() => ShareKind, { nullable: true, description: 'Files only, or folders only.' })
  kind?: ShareKind | null;
}
