import { Field, Int, ObjectType, registerEnumType } from 'type-graphql';
import { FILE_SORT_FIELDS, type StoredFile as FileShape, StoredFile } from '../../models/file.ts';
import { SafeInt } from '../../models/scalars.ts';
import { RELEVANCE } from '../../services/files/file-cursors.ts';
import type { FileListing, FilePage } from '../../services/files/file-listing.ts';
import { countedConnectionOf, PageInfo } from '../connections.ts';

/** How a browser treats a content. */
export enum Disposition {
  INLINE = 'inline',
  ATTACHMENT = 'attachment',
}

/** The sizes of previews. */
export enum ThumbnailSize {
  SMALL = 128,
  MEDIUM = 512,
  LARGE = 1280,
}

/** The orders of a list. */
export const FileSortField = { ...FILE_SORT_FIELDS, RELEVANCE } as const;

/** The directions of an order. */
export enum SortDirection {
  ASC = 1,
  DESC = -1,
}

registerEnumType(Disposition, {
  name: 'Disposition',
  description: 'How a browser treats a content.',
  valuesConfig: {
    INLINE: { description: 'Shown in the page where its type is inert, such as an image; saved otherwise.' },
    ATTACHMENT: { description: 'Saved.' },
  },
});

registerEnumType(ThumbnailSize, {
  name: 'ThumbnailSize',
  description: 'The longest side of a preview.',
  valuesConfig: {
    SMALL: { description: '128 pixels.' },
    MEDIUM: { description: '512 pixels.' },
    LARGE: { description: '1280 pixels.' },
  },
});

registerEnumType(FileSortField, {
  name: 'FileSortField',
  description: 'What a list of files is ordered by; equal values are ordered by id.',
  valuesConfig: {
    CREATED_AT: { description: 'When the upload began.' },
    UPDATED_AT: { description: 'When the file’s facts last changed.' },
    ORIGINAL_NAME: { description: 'The name, whatever the case.' },
    FILE_SIZE: { description: 'The size in bytes.' },
    DOWNLOAD_COUNT: { description: 'How often it was downloaded.' },
    RELEVANCE: {
      description: 'How well it answers the search, best first with DESC, then the newest; only with one.',
    },
  },
});

registerEnumType(SortDirection, {
  name: 'SortDirection',
  description: 'The direction of an order.',
  valuesConfig: {
    ASC: { description: 'Smallest, oldest or alphabetically first values first.' },
    DESC: { description: 'Largest or newest values first.' },
  },
});

/** A file at its place in a list. */
@ObjectType({ description: 'A file at its place in a list.' })
export class FileEdge {
  @Field(() => String, {
    simple: true,
    description: 'Names the place; valid for lists of the same order only.',
  })
  cursor!: () => string;

  @Field(() => StoredFile, { simple: true, description: 'The file.' })
  node!: FileShape;
}

/** One page of a list of files; each field is computed only when it is asked for. */
@ObjectType({ description: 'One page of a list of files.' })
export class FileConnection {
  @Field(() => [FileEdge], { simple: true, description: 'The page’s files with their cursors.' })
  edges!: () => FileEdge[];

  @Field(() => [StoredFile], { simple: true, description: 'The page’s files alone.' })
  nodes!: FileShape[];

  @Field(() => PageInfo, { simple: true, description: 'Where the page lies in the list.' })
  pageInfo!: () => PageInfo;

  @Field(() => Int, {
    simple: true,
    description: 'Files in the whole list; costs a count, so ask only when shown.',
  })
  totalCount!: () => Promise<number>;

  @Field(() => Boolean, {
    simple: true,
    description: 'True when a search had more matches than it can sort, so that some are not in the list.',
  })
  searchTruncated!: boolean;
}

/** Makes the GraphQL object of a page of files. */
export function fileConnectionOf(page: FilePage, listing: FileListing): FileConnection {
  const { files: nodes, order, searchTruncated } = page;
  const cursor = (file: FileShape) => listing.cursor(order, file);
  return { ...countedConnectionOf({ ...page, nodes, cursor }), searchTruncated };
}

/** A tag and how often it is used. */
@ObjectType({ description: 'A tag and how many files carry it.' })
export class TagCount {
  @Field(() => String, { simple: true, description: 'The tag.' })
  tag!: string;

  @Field(() => Int, { simple: true, description: 'Files that carry it, outside the trash.' })
  count!: number;
}

/** Sums over the files of one family of types. */
@ObjectType({ description: 'Sums over the files of one family of media types.' })
export class MimeFamilyStats {
  @Field(() => String, {
    simple: true,
    description: 'The part of the type before the slash, such as `image`.',
  })
  family!: string;

  @Field(() => Int, { simple: true, description: 'Files outside the trash.' })
  files!: number;

  @Field(() => SafeInt, { simple: true, description: 'Their bytes.' })
  bytes!: number;
}

/** Sums over an account’s files. */
@ObjectType({ description: 'Sums over an account’s files.' })
export class StorageStats {
  @Field(() => Int, { simple: true, description: 'Files outside the trash.' })
  totalFiles!: number;

  @Field(() => SafeInt, { simple: true, description: 'Their bytes.' })
  totalBytes!: number;

  @Field(() => SafeInt, { simple: true, description: 'Bytes of earlier contents, the trash included.' })
  versionBytes!: number;

  @Field(() => SafeInt, {
    simple: true,
    description: 'Bytes of the distinct contents, earlier ones and the trash included.',
  })
  storedBytes!: number;

  @Field(() => Int, { simple: true, description: 'Files in the trash.' })
  trashedFiles!: number;

  @Field(() => SafeInt, { simple: true, description: 'Their bytes.' })
  trashedBytes!: number;

  @Field(() => [MimeFamilyStats], { simple: true, description: 'By family of types, largest first.' })
  byMimeFamily!: MimeFamilyStats[];
}
