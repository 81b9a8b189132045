import {
  ArrayMaxSize,
  IsBoolean,
  IsOptional,
  Length,
  Matches,
  MaxLength,
  Min,
  MinDate,
  ValidateBy,
  ValidateNested,
} from 'class-validator';
import { ArgsType, Field, ID, InputType, Int } from 'type-graphql';
import { DateTime, SafeInt } from '../../models/scalars.ts';
import { isCleanFileName } from '../../services/files/file-names.ts';
import { FileAccessInput } from './file-access-input.ts';
import { FileSortField, SortDirection } from './file-types.ts';

const MAX_TAGS = 20;
/** A SHA-256 as hex. */
export const SHA256 = /^[0-9a-f]{64}$/i;
const inTheFuture = () => MinDate(() => new Date(), { message: 'must lie in the future' });

const TagRules = () => (target: object, property: string) => {
  for (const rule of [
    ArrayMaxSize(MAX_TAGS),
    ValidateBy(
      {
        name: 'tagLength',
        validator: {
          validate: (tags: unknown[]) =>
            tags.every((tag) => typeof tag === 'string' && tag.trim() !== '' && [...tag.trim()].length <= 50),
        },
      },
      { message: 'each tag must have 1 to 50 characters' },
    ),
  ]) {
    rule(target, property);
  }
};

/** Holds a property to be a name that a file can have as it is. */
export const CleanName = () =>
  ValidateBy(
    {
      name: 'cleanName',
      validator: { validate: (name: unknown) => typeof name === 'string' && isCleanFileName(name) },
    },
    { message: 'must have 1 to 255 characters and no slash, backslash, control character or outer space' },
  );

/** What a client may say of the files it uploads. */
@InputType({ description: 'What to say of the files; all of it can be changed later but `sha256`.' })
export class UploadFileInput {
  @Field(() => String, { nullable: true, description: 'At most 1000 characters.' })
  @IsOptional()
  @MaxLength(1000)
  description?: string | null;

  @Field(() => [String], {
    nullable: true,
    description: 'At most 20, each 1–50 characters; duplicates are dropped.',
  })
  @IsOptional()
  @TagRules()
  tags?: string[] | null;

  @Field(() => Boolean, {
    nullable: true,
    description: 'Whether everybody may see and fetch it; default false.',
  })
  @IsOptional()
  @IsBoolean()
  isPublic?: boolean | null;

  @Field(() => DateTime, { nullable: true, description: 'Past it the file is gone for everyone.' })
  @IsOptional()
  @inTheFuture()
  expiryDate?: Date | null;

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

  @Field(() => ID, {
    nullable: true,
    description: 'The folder that it goes into, whose owner’s it is; null or "root" is one’s own root.',
  })
  folderId?: string | null;
}

/** What an owner may change. */
@InputType({ description: 'What to change; absent fields stay as they are.' })
export class UpdateFileInput {
  @Field(() => String, {
    nullable: true,
    description: 'The new name, 1–255 characters without path separators.',
  })
  @IsOptional()
  @CleanName()
  originalName?: string | null;

  @Field(() => String, { nullable: true, description: 'At most 1000 characters; null removes it.' })
  @IsOptional()
  @MaxLength(1000)
  description?: string | null;

  @Field(() => [String], {
    nullable: true,
    description: 'Replaces all tags; at most 20, each 1–50 characters.',
  })
  @IsOptional()
  @TagRules()
  tags?: string[] | null;

  @Field(() => Boolean, { nullable: true, description: 'Whether everybody may see and fetch it.' })
  @IsOptional()
  @IsBoolean()
  isPublic?: boolean | null;

  @Field(() => DateTime, { nullable: true, description: 'A moment in the future; null removes it.' })
  @IsOptional()
  @inTheFuture()
  expiryDate?: Date | null;

  @Field(() => FileAccessInput, { nullable: true, description: 'The owner’s locks; for the owner alone.' })
  @IsOptional()
  @ValidateNested()
  access?: FileAccessInput | null;
}

/** Which files of a list to show. */
@InputType({ description: 'Which files to show; every given field must hold.' })
export class FileFilter {
  @Field(() => String, {
    nullable: true,
    description:
      'Words that each begin a word of the name, the tags or the description; at most 200 characters.',
  })
  @IsOptional()
  @MaxLength(200)
  search?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'An exact type such as `image/png`, or a family: `image/*`.',
  })
  @IsOptional()
  @MaxLength(255)
  mimeType?: string | null;

  @Field(() => [String], { nullable: true, description: 'Has all of these tags.' })
  @IsOptional()
  @ArrayMaxSize(MAX_TAGS)
  tags?: string[] | null;

  @Field(() => SafeInt, { nullable: true, description: 'At least so many bytes.' })
  @IsOptional()
  @Min(0)
  minSize?: number | null;

  @Field(() => SafeInt, { nullable: true, description: 'At most so many bytes.' })
  @IsOptional()
  @Min(0)
  maxSize?: number | null;

  @Field(() => DateTime, { nullable: true, description: 'Uploaded later than this.' })
  createdAfter?: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'Uploaded earlier than this.' })
  createdBefore?: Date | null;

  @Field(() => Boolean, { nullable: true, description: 'Public files only, or private ones only.' })
  isPublic?: boolean | null;

  @Field(() => Boolean, { nullable: true, defaultValue: false, description: 'True lists the trash.' })
  isDeleted?: boolean | null;

  @Field(() => ID, {
    nullable: true,
    description: 'Lies in this folder; "root" is the viewer’s root. Absent: wherever it lies.',
  })
  folderId?: string | null;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: 'Whether what lies in folders below `folderId` is listed, too.',
  })
  recursive?: boolean | null;
}

/** The order of a list. */
@InputType({ description: 'The order of a list.' })
export class FileSort {
  @Field(() => FileSortField, { defaultValue: FileSortField.CREATED_AT, description: 'What to order by.' })
  field!: (typeof FileSortField)[keyof typeof FileSortField];

  @Field(() => SortDirection, { defaultValue: SortDirection.DESC, description: 'In which direction.' })
  direction!: SortDirection;
}

/** Paging forward through a list. */
@ArgsType()
export class ForwardListArgs {
  @Field(() => Int, {
    nullable: true,
    description: 'How many files from the start of the list, 1–100; default 25.',
  })
  first?: number | null;

  @Field(() => String, { nullable: true, description: 'The cursor after which the page begins.' })
  after?: string | null;

  @Field(() => FileFilter, { nullable: true, description: 'Which files to show.' })
  @IsOptional()
  @ValidateNested()
  filter?: FileFilter | null;

  @Field(() => FileSort, { nullable: true, description: 'The order; default newest first.' })
  sort?: FileSort | null;
}

/** Paging through a list in both directions. */
@ArgsType()
export class ListArgs extends ForwardListArgs {
  @Field(() => Int, { nullable: true, description: 'How many files from the end of the list, 1–100.' })
  last?: number | null;

  @Field(() => String, { nullable: true, description: 'The cursor before which the page ends.' })
  before?: string | null;
}
