import { Field, ID, ObjectType } from 'type-graphql';
import { ShareKind } from '../../models/grant.ts';
import { DateTime, SafeInt } from '../../models/scalars.ts';
import { PageInfo } from '../connections.ts';

/** A file as a link shows it. */
@ObjectType({ description: 'A file as a link shows it.' })
export class SharedFile {
  @Field(() => ID, { simple: true, description: 'The file’s id.' })
  id!: string;

  @Field(() => String, { simple: true, description: 'Its name.' })
  name!: string;

  @Field(() => SafeInt, { simple: true, description: 'Bytes.' })
  size!: number;

  @Field(() => String, { simple: true, description: 'Media type.' })
  mimeType!: string;

  @Field(() => String, {
    simple: true,
    nullable: true,
    description: 'A preview’s address, for `<img src>`; null where there is none.',
  })
  previewUrl!: string | null;

  @Field(() => String, {
    simple: true,
    nullable: true,
    description:
      'The content’s address, for `<a href>`: with a password it works for an hour. Null where the content is not to be had.',
  })
  contentUrl!: string | null;

  @Field(() => String, { simple: true, nullable: true, description: 'A word of whoever made the link.' })
  note!: string | null;

  @Field(() => DateTime, { simple: true, nullable: true, description: 'When the link ends; null is never.' })
  expiresAt!: Date | null;
}

/** Something in a folder that a link shows. */
@ObjectType({ description: 'Something in a folder that a link shows.' })
export class SharedEntry {
  @Field(() => ShareKind, { simple: true, description: 'What it is.' })
  kind!: ShareKind;

  @Field(() => ID, { simple: true, description: 'Its id.' })
  id!: string;

  @Field(() => String, { simple: true, description: 'Its name.' })
  name!: string;

  @Field(() => SharedFile, { simple: true, nullable: true, description: 'The file; null for a folder.' })
  file!: SharedFile | null;
}

/** An entry at its place in a folder. */
@ObjectType({ description: 'An entry at its place in a folder.' })
export class SharedEntryEdge {
  @Field(() => String, { simple: true, description: 'Names the place.' })
  cursor!: () => string;

  @Field(() => SharedEntry, { simple: true, description: 'The entry.' })
  node!: SharedEntry;
}

/** One page of a folder; each field is computed only when it is asked for. */
@ObjectType({ description: 'One page of a folder: its folders, then its files, each by name.' })
export class SharedEntryConnection {
  @Field(() => [SharedEntryEdge], { simple: true, description: 'The page’s entries with their cursors.' })
  edges!: () => SharedEntryEdge[];

  @Field(() => [SharedEntry], { simple: true, description: 'The page’s entries alone.' })
  nodes!: readonly SharedEntry[];

  @Field(() => PageInfo, { simple: true, description: 'Where the page lies in the folder.' })
  pageInfo!: () => PageInfo;
}

/** A folder on the way to another. */
@ObjectType({ description: 'A folder on the way to another.' })
export class SharedPlace {
  @Field(() => ID, { simple: true, description: 'Its id.' })
  id!: string;

  @Field(() => String, { simple: true, description: 'Its name.' })
  name!: string;
}

/** A folder as a link shows it. */
@ObjectType({ description: 'A folder as a link shows it.' })
export class SharedFolder {
  @Field(() => ID, { simple: true, description: 'The folder’s id.' })
  id!: string;

  @Field(() => String, { simple: true, description: 'Its name.' })
  name!: string;

  @Field(() => [SharedPlace], {
    simple: true,
    description: 'The folders from the link’s own to this one, both included.',
  })
  path!: SharedPlace[];

  @Field(() => SharedEntryConnection, {
    simple: true,
    description: 'What lies in it, on the page asked for.',
  })
  entries!: SharedEntryConnection;

  @Field(() => String, {
    simple: true,
    nullable: true,
    description:
      'The address of everything in the link’s folder as a ZIP file; null where it is not to be had.',
  })
  archiveUrl!: string | null;

  @Field(() => String, { simple: true, nullable: true, description: 'A word of whoever made the link.' })
  note!: string | null;

  @Field(() => DateTime, { simple: true, nullable: true, description: 'When the link ends; null is never.' })
  expiresAt!: Date | null;
}
