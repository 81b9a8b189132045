import { Field, ID, ObjectType } from 'type-graphql';
import { DateTime, SafeInt } from '../../models/scalars.ts';
import type { QuarantinedFile as Held } from '../../services/scanning/quarantine.ts';
import { PageInfo } from '../connections.ts';

/** A file that was found infected. */
@ObjectType({
  description: 'A file that was found infected: nobody can fetch it, and its owner does not see it.',
})
export class QuarantinedFile {
  @Field(() => ID, { simple: true, description: 'The file’s id, for `releaseFile` and `purgeFile`.' })
  id!: string;

  @Field(() => String, { simple: true, description: 'The name the client gave, cleaned.' })
  originalName!: string;

  @Field(() => SafeInt, { simple: true, description: 'Bytes; they count for the owner.' })
  fileSize!: number;

  @Field(() => String, { simple: true, description: 'Media type, by the content where it tells.' })
  mimeType!: string;

  @Field(() => String, { simple: true, description: 'SHA-256 of the content, lower-case hex.' })
  fileHash!: string;

  @Field(() => ID, { simple: true, description: 'Whose file it is.' })
  ownerId!: string;

  @Field(() => String, {
    simple: true,
    nullable: true,
    description: 'The owner’s user name; null once the account is gone.',
  })
  ownerName!: string | null;

  @Field(() => String, { simple: true, description: 'The name of what the scanner found.' })
  threat!: string;

  @Field(() => String, { simple: true, nullable: true, description: 'The scanner’s name and version.' })
  scanEngine!: string | null;

  @Field(() => DateTime, { simple: true, description: 'When it was put into quarantine.' })
  quarantinedAt!: Date;

  @Field(() => DateTime, { simple: true, description: 'When its upload began.' })
  createdAt!: Date;
}

/** A file of a page and its cursor. */
@ObjectType({ description: 'A file of a page, with the cursor that leads on from it.' })
export class QuarantineEdge {
  @Field(() => String, { simple: true, description: 'What `after` takes.' })
  cursor!: () => string;

  @Field(() => QuarantinedFile, { simple: true, description: 'The file.' })
  node!: QuarantinedFile;
}

/** One page of the quarantine. */
@ObjectType({ description: 'One page of the files in quarantine, newest first.' })
export class QuarantineConnection {
  @Field(() => [QuarantineEdge], { simple: true, description: 'The page’s files with their cursors.' })
  edges!: () => QuarantineEdge[];

  @Field(() => [QuarantinedFile], { simple: true, description: 'The page’s files alone.' })
  nodes!: QuarantinedFile[];

  @Field(() => PageInfo, { simple: true, description: 'Where the page lies in the list.' })
  pageInfo!: () => PageInfo;
}

/** Such a file as administrators see it. */
export function quarantined({ file, threat, quarantinedAt, ownerName }: Held): QuarantinedFile {
  const { id, originalName, fileSize, mimeType, fileHash, createdAt, virus } = file;
  const facts = {
    id,
    originalName,
    fileSize,
    mimeType,
    fileHash,
    createdAt,
    threat,
    quarantinedAt,
    ownerName,
  };
  return { ...facts, ownerId: file.userId.toHexString(), scanEngine: virus.scanEngine ?? null };
}
