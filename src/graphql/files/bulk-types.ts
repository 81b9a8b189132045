import { Field, ID, ObjectType } from 'type-graphql';

/** One of many files that an act was refused for, and why. */
@ObjectType({ description: 'One of many files that an act was refused for, and why.' })
export class BulkFailure {
  @Field(() => ID, { simple: true, description: 'The file’s id, as it was sent.' })
  id!: string;

  @Field(() => String, { simple: true, description: 'The error’s code, as in `extensions.code`.' })
  code!: string;

  @Field(() => String, { simple: true, description: 'What is wrong, for people.' })
  message!: string;
}

/** What came of an act on many files: each of them is in one of the two lists, in the order of the request. */
@ObjectType({
  description:
    'What came of an act on many files: each of them is in one of the two lists, in the order of the request.',
})
export class BulkResult {
  @Field(() => [ID], { simple: true, description: 'The ids of the files that it was done to.' })
  succeeded!: string[];

  @Field(() => [BulkFailure], { simple: true, description: 'The files that it was refused for.' })
  failed!: BulkFailure[];
}
