import { Field, ID, ObjectType, registerEnumType } from 'type-graphql';
import { VirusScan } from '../../models/file-details.ts';
import { ProcessingStatus } from '../../models/file-enums.ts';
import { DateTime, SafeInt } from '../../models/scalars.ts';
import { UploadPhase } from '../../models/upload-state.ts';

/** Whether the second copy of a content is there. */
export const BackupStatus = { NONE: 'NONE', WAITING: 'WAITING', DONE: 'DONE' } as const;

registerEnumType(BackupStatus, {
  name: 'BackupStatus',
  description: 'Whether the second copy of a content is there.',
  valuesConfig: {
    NONE: { description: 'None is made here.' },
    WAITING: { description: 'It is yet to be made.' },
    DONE: { description: 'It is there.' },
  },
});

/** How far an upload has come. */
@ObjectType({ description: 'How far an upload has come that its client named.' })
export class UploadProgress {
  @Field(() => String, { simple: true, description: 'The client’s own name for it.' })
  clientUploadId!: string;

  @Field(() => ID, { simple: true, description: 'The id of the file that it becomes.' })
  fileId!: string;

  @Field(() => UploadPhase, { simple: true, description: 'What it waits for, or how it ended.' })
  phase!: UploadPhase;

  @Field(() => SafeInt, {
    simple: true,
    description: 'Bytes that have come; told at most four times a second.',
  })
  receivedBytes!: number;

  @Field(() => SafeInt, { simple: true, nullable: true, description: 'Bytes in all; null while not known.' })
  totalBytes!: number | null;

  @Field(() => Boolean, {
    simple: true,
    description: 'Whether it is a file: all bytes are stored and checked.',
  })
  stored!: boolean;

  @Field(() => VirusScan, {
    simple: true,
    nullable: true,
    description: 'What a virus scanner said; null until it is stored.',
  })
  scan!: VirusScan | null;

  @Field(() => ProcessingStatus, {
    simple: true,
    nullable: true,
    description: 'What became of previews and metadata; null until it is stored.',
  })
  processingStatus!: ProcessingStatus | null;

  @Field(() => BackupStatus, { simple: true, description: 'Whether the second copy is there.' })
  backup!: keyof typeof BackupStatus;

  @Field(() => String, {
    simple: true,
    nullable: true,
    description: 'The code of the error that it failed with; null unless it FAILED.',
  })
  errorCode!: string | null;

  @Field(() => DateTime, { simple: true, description: 'When it was so.' })
  at!: Date;
}
