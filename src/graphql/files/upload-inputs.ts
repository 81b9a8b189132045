import { IsOptional, MaxLength, Min } from 'class-validator';
import { Field, InputType, Int } from 'type-graphql';
import { SafeInt } from '../../models/scalars.ts';
import { UploadFileInput } from './file-inputs.ts';

/** What a client says of a file that it is going to send by itself. */
@InputType({ description: 'A file that is going to be sent straight to where it is stored.' })
export class CreateUploadInput extends UploadFileInput {
  @Field(() => String, { description: 'The file’s name; it is cleaned as that of any upload.' })
  @MaxLength(1000)
  originalName!: string;

  @Field(() => SafeInt, { description: 'Bytes, exactly; they count against the quota from now on.' })
  @Min(0)
  fileSize!: number;

  @Field(() => String, {
    nullable: true,
    description: 'The media type, for contents that do not tell theirs themselves.',
  })
  @IsOptional()
  @MaxLength(255)
  mimeType?: string | null;
}

/** A part that a client has sent. */
@InputType({ description: 'A part that was sent.' })
export class UploadedPartInput {
  @Field(() => Int, { description: 'Its number in the ticket.' })
  number!: number;
}
