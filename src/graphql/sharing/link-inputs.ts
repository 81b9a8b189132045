import { ArgsType, Field, ID, InputType, Int } from 'type-graphql';

const HOURS = 'Hours from now until it ends, 1–8760; null is never.';
const PASSWORD = 'What whoever opens it must know: 4–200 characters; null is nothing.';
const DOWNLOADS = 'How many downloads it allows, 1–1,000,000; null is any number.';
const NOTE = 'A word to whoever opens it, at most 500 characters.';

/** What a link is to be like. */
@InputType({ description: 'What a link is to be like.' })
export class ShareFileInput {
  @Field(() => Int, { nullable: true, defaultValue: 24, description: HOURS })
  expiryHours?: number | null;

  @Field(() => String, { nullable: true, description: PASSWORD })
  password?: string | null;

  @Field(() => Int, { nullable: true, description: DOWNLOADS })
  maxDownloads?: number | null;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: true,
    description: 'Whether contents may be fetched, not only previews.',
  })
  allowDownload?: boolean | null;

  @Field(() => String, { nullable: true, description: NOTE })
  note?: string | null;
}

/** What of a link is to change. */
@InputType({ description: 'What of a link is to change; an absent field stays as it is.' })
export class UpdateShareInput {
  @Field(() => Int, { nullable: true, description: HOURS })
  expiryHours?: number | null;

  @Field(() => String, { nullable: true, description: PASSWORD })
  password?: string | null;

  @Field(() => Int, { nullable: true, description: `${DOWNLOADS} Those fetched before count.` })
  maxDownloads?: number | null;

  @Field(() => Boolean, {
    nullable: true,
    description: 'Whether contents may be fetched, not only previews; null leaves it.',
  })
  allowDownload?: boolean | null;

  @Field(() => String, { nullable: true, description: `${NOTE} Null removes it.` })
  note?: string | null;
}

/** Paging forward through a list that belongs to a link. */
@ArgsType()
export class LinkPageArgs {
  @Field(() => Int, { nullable: true, description: 'How many entries a page has, 1–100; default 25.' })
  first?: number | null;

  @Field(() => String, { nullable: true, description: 'The cursor after which the page begins.' })
  after?: string | null;
}

/** Which links to list. */
@ArgsType()
export class ShareListArgs extends LinkPageArgs {
  @Field(() => ID, { nullable: true, description: 'Those to this file.' })
  fileId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Those to this folder.' })
  folderId?: string | null;
}

/** What somebody has who was given a link. */
@ArgsType()
export class LinkKeyArgs {
  @Field(() => String, { description: 'The end of the link’s address.' })
  token!: string;

  @Field(() => String, { nullable: true, description: 'The link’s password, where it has one.' })
  password?: string | null;
}

/** The same, with which folder to look at. */
@ArgsType()
export class SharedFolderArgs extends LinkKeyArgs {
  @Field(() => ID, { nullable: true, description: 'A folder below the link’s; without it the link’s own.' })
  folderId?: string | null;

  @Field(() => Int, { nullable: true, description: 'How many entries a page has, 1–100; default 25.' })
  first?: number | null;

  @Field(() => String, { nullable: true, description: 'The cursor after which the page begins.' })
  after?: string | null;
}
