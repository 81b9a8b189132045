import { IsOptional, Length, Matches } from 'class-validator';
import { ArgsType, Field, ID, InputType } from 'type-graphql';
import { NameCollision } from '../../models/name-collision.ts';
import { CleanName, SHA256 } from '../files/file-inputs.ts';

/** What a client may say of a content that it uploads over a file. */
@InputType({ description: 'What to say of the content.' })
export class UploadVersionInput {
  @Field(() => String, {
    nullable: true,
    description: 'Hex SHA-256 that the content must have, or the upload fails with HASH_MISMATCH.',
  })
  @IsOptional()
  @Matches(SHA256, { message: 'must be 64 hex digits' })
  sha256?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'The client’s own name for the upload, at most 100 characters.',
  })
  @IsOptional()
  @Length(1, 100)
  clientUploadId?: string | null;
}

/** What to copy, where to and as what. */
@ArgsType()
export class CopyFileArgs {
  @Field(() => ID, { description: 'The file’s id.' })
  id!: string;

  @Field(() => ID, {
    nullable: true,
    description: 'The folder to copy it to; without one, the viewer’s root.',
  })
  folderId?: string | null;

  @Field(() => String, { nullable: true, description: 'The copy’s name; without one, that of the file.' })
  @IsOptional()
  @CleanName()
  name?: string | null;

  @Field(() => NameCollision, {
    nullable: true,
    defaultValue: NameCollision.RENAME,
    description: 'What to do where a file there has the name already.',
  })
  onCollision?: NameCollision | null;
}
