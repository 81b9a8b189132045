import { Field, ID, ObjectType } from 'type-graphql';
import { StoredFile } from '../../models/file.ts';
import { FileChangeKind } from '../../models/file-change.ts';
import { DateTime } from '../../models/scalars.ts';

/** Something that happened to a file. */
@ObjectType({ description: 'Something that happened to a file.' })
export class FileChange {
  @Field(() => FileChangeKind, { simple: true, description: 'What happened.' })
  kind!: FileChangeKind;

  @Field(() => ID, { simple: true, description: 'The file’s id, also where the file itself is gone.' })
  fileId!: string;

  @Field(() => StoredFile, {
    simple: true,
    nullable: true,
    description: 'The file as it is now; null where it is gone or not to be seen any more.',
  })
  file!: StoredFile | null;

  @Field(() => DateTime, { simple: true, description: 'When it happened.' })
  at!: Date;
}
