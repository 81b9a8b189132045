import { Field, InputType } from 'type-graphql';

/** The owner’s locks on a file; those that are left out stay. */
@InputType({
  description: 'The owner’s locks on a file. They hold against everybody else; what is left out stays.',
})
export class FileAccessInput {
  @Field(() => Boolean, { nullable: true, description: 'False: nobody else sees the file at all.' })
  canView?: boolean | null;

  @Field(() => Boolean, { nullable: true, description: 'False: nobody else fetches its content.' })
  canDownload?: boolean | null;

  @Field(() => Boolean, {
    nullable: true,
    description: 'False: nobody else shares the file, and what others gave on it is worth nothing.',
  })
  canShare?: boolean | null;

  @Field(() => Boolean, {
    nullable: true,
    description: 'False: nobody else puts it into the trash or gives it an expiry date.',
  })
  canDelete?: boolean | null;
}
