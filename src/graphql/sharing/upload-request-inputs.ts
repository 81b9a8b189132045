import { ArgsType, Field, ID, InputType, Int } from 'type-graphql';
import { SafeInt } from '../../models/scalars.ts';

/** What an upload request is like. */
@InputType({ description: 'What an upload request is like; an absent field is as usual, or stays as it is.' })
export class UploadRequestInput {
  @Field(() => Int, {
    nullable: true,
    description: 'Hours from now until it ends, 1–8,760; usually 168, a week. Null is never.',
  })
  expiryHours?: number | null;

  @Field(() => String, {
    nullable: true,
    description: 'What whoever opens it must type, 4–200 characters; null is nothing.',
  })
  password?: string | null;

  @Field(() => String, { nullable: true, description: 'A word to whoever opens it, at most 500 characters.' })
  note?: string | null;

  @Field(() => Int, {
    nullable: true,
    description: 'How many files it takes, 1–100,000; null is any number.',
  })
  maxFiles?: number | null;

  @Field(() => SafeInt, {
    nullable: true,
    description: 'The most bytes one file may have; null, or more, is what the service allows.',
  })
  maxFileSize?: number | null;

  @Field(() => [String], {
    nullable: true,
    description:
      'At most 50 media types such as `image/png`, or families such as `image/*`; empty is every type.',
  })
  allowedTypes?: string[] | null;
}

/** Paging forward through upload requests. */
@ArgsType()
export class UploadRequestListArgs {
  @Field(() => ID, {
    nullable: true,
    description: 'Requests for this folder, whoever made them; absent for those that the viewer made.',
  })
  folderId?: string | null;

  @Field(() => Int, {
    nullable: true,
    description: 'How many requests from the start of the list, 1–100; default 25.',
  })
  first?: number | null;

  @Field(() => String, { nullable: true, description: 'The cursor after which the page begins.' })
  after?: string | null;
}
