import { AppError, type ErrorCode } from '../../errors.ts';
import { AuditAction } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import { LISTED, type StoredFile } from '../../models/file.ts';
import { FileChangeKind } from '../../models/file-change.ts';
import { type Expression, type ObjectId, parseId } from '../../models/object-id.ts';
import { wordFields } from '../../texts/described-words.ts';
import type { FileAction } from '../access.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { FileEvents } from '../live/file-events.ts';
import { followWords } from '../search/file-words.ts';
import { givenLess, type ManyPermissions } from '../sharing/permissions/many-permissions.ts';
import type { Viewer } from '../viewer.ts';
import { cleanTags } from './file-drafts.ts';
import { notFound } from './files.ts';

/** One of many files that an act was refused for, and why. */
export interface Refused {
  /** As it was sent. */
  readonly id: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** What came of an act on many files: each of them is in one of the lists, in the order of the request. */
export interface BulkOutcome {
  readonly succeeded: string[];
  readonly failed: Refused[];
}

/** Tags to put on files and to take off them. */
export interface TagChanges {
  readonly add?: readonly string[] | null | undefined;
  readonly remove?: readonly string[] | null | undefined;
}

/** The most files that one act may name. */
export const MOST_IDS = 1_000;
const MOST_TAGS = 20;
const MOST_TAG_CHANGES = 100;
const TAG_LENGTH = 50;

/** The parts of a file that decide and that are told. */
export type BulkFile = Pick<StoredFile, '_id' | 'userId' | 'folder' | 'isDeleted' | 'isPublic' | 'access'> &
  Pick<StoredFile, 'expiryDate'>;

type Failures = Map<string, AppError>;

/** What is done to many files at once, with the checks that each of them would meet alone, in few queries. */
export class BulkFiles {
  private readonly files: Collections['files'];
  private readonly permissions: ManyPermissions;
  private readonly audit: Pick<AuditTrail, 'record'>;
  private readonly events: Pick<FileEvents, 'tell'>;

  constructor(parts: {
    files: Collections['files'];
    permissions: ManyPermissions;
    audit: Pick<AuditTrail, 'record'>;
    events: Pick<FileEvents, 'tell'>;
  }) {
    this.files = parts.files;
    this.permissions = parts.permissions;
    this.audit = parts.audit;
    this.events = parts.events;
  }

  /** Puts the files into the trash; those that lie there already stay as they are. */
  async trash(viewer: Viewer, ids: readonly string[]): Promise<BulkOutcome> {
    const { files, failures } = await this.find(viewer, ids, 'delete');
    const live = files.filter(({ isDeleted }) => !isDeleted);
    const update = { $set: { isDeleted: true, deletedAt: new Date() } };
    await this.change(live, { isDeleted: false }, update, { isDeleted: true }, failures, notFound);
    const trashed = live.filter(({ _id }) => !failures.has(_id.toHexString()));
    for (const file of trashed) void this.events.tell(FileChangeKind.TRASHED, { ...file, isDeleted: true });
    await Promise.all(
      trashed.map(({ _id: target, userId: subject }) =>
        this.audit.record({ action: AuditAction.FILE_DELETED, by: viewer, subject, target }),
      ),
    );
    return outcomeOf(ids, failures);
  }

  /** Takes tags off the files and puts others on them, of each file all or nothing: no file has more than 20. */
  async tag(viewer: Viewer, ids: readonly string[], changes: TagChanges): Promise<BulkOutcome> {
    const add = checkedTags('add', changes.add);
    const remove = checkedTags('remove', changes.remove);
    const both = add.find((tag) => remove.includes(tag));
    if (both !== undefined) throw invalid('remove', `names the tag "${both}", which \`add\` names too`);
    const { files, failures } = await this.find(viewer, ids, 'update');
    for (const file of files) if (hasExpired(file)) failures.set(keyOf(file), expired());
    const present = files.filter((file) => !failures.has(keyOf(file)));
    const tags = changedTags(add, remove);
    const fits = { $expr: { $lte: [{ $size: tags }, MOST_TAGS] } };
    const { words } = wordFields({ originalName: '', tags: add });
    // Found by the new tags from this step on; what else follows from it comes after.
    const found = { $concatArrays: [{ $ifNull: ['$words', []] }, { $literal: words }] };
    const update = [{ $set: { tags, words: found, updatedAt: '$$NOW' } }];
    const after = { tags: { $all: add, $nin: remove } };
    if (add.length === 0) after.tags = { $nin: remove } as never;
    await this.change(present, fits, update, after, failures, tooManyTags);
    await followWords(
      this.files,
      present.map(({ _id }) => _id),
    );
    for (const file of present) {
      if (!failures.has(keyOf(file))) void this.events.tell(FileChangeKind.UPDATED, file);
    }
    return outcomeOf(ids, failures);
  }

  /** The files that the viewer may do this to; all others are failures. */
  async find(
    viewer: Viewer,
    ids: readonly string[],
    action: FileAction,
  ): Promise<{ files: BulkFile[]; failures: Failures }> {
    const wanted = checkedIds(ids);
    const found = (await this.files
      .find({ _id: { $in: wanted }, ...LISTED }, FACTS)
      .lean()) as unknown as BulkFile[];
    const { allowed, forbidden } = await this.permissions.parted(viewer, action, found);
    const present = new Set(allowed.map(keyOf));
    const failures: Failures = new Map();
    for (const id of ids) if (!present.has(id.toLowerCase())) failures.set(id.toLowerCase(), notFound());
    for (const file of forbidden) failures.set(keyOf(file), givenLess());
    return { files: allowed, failures };
  }

  /** Changes those that meet the condition; those that are there and are not as they should be `after` it are refused. */
  private async change(
    files: readonly BulkFile[],
    condition: object,
    update: object | Expression[],
    after: object,
    failures: Failures,
    refusal: () => AppError,
  ): Promise<void> {
    const owners = Map.groupBy(files, ({ userId }) => userId.toHexString());
    for (const group of owners.values()) {
      const [first] = group;
      const own = { _id: { $in: group.map(({ _id }) => _id) }, userId: first?.userId, ...LISTED };
      const { matchedCount } = await this.files.collection.updateMany(
        { ...own, ...condition } as never,
        update as never,
      );
      if (matchedCount === group.length) continue;
      const [present, done] = await Promise.all([this.idsOf(own), this.idsOf({ ...own, ...after })]);
      for (const file of group) {
        const id = keyOf(file);
        if (!present.has(id)) failures.set(id, notFound());
        else if (!done.has(id)) failures.set(id, refusal());
      }
    }
  }

  private async idsOf(filter: object): Promise<Set<string>> {
    const found = await this.files.collection.find(filter as never, { projection: { _id: 1 } }).toArray();
    return new Set(found.map(({ _id }) => _id.toHexString()));
  }
}

/** 1 to 1,000 ids, each once, or BAD_USER_INPUT; those that cannot be ids are left out. */
export function checkedIds(ids: readonly string[]): ObjectId[] {
  if (ids.length < 1 || ids.length > MOST_IDS) throw invalid('ids', `must name 1 to ${MOST_IDS} files`);
  if (new Set(ids.map((id) => id.toLowerCase())).size < ids.length)
    throw invalid('ids', 'must name each file once');
  return ids.flatMap((id) => parseId(id) ?? []);
}

/** Each id in one of the lists, by whether it has failed; the failures are by lower-case id. */
export function outcomeOf(ids: readonly string[], failures: ReadonlyMap<string, AppError>): BulkOutcome {
  const failed = ids.flatMap((id) => {
    const error = failures.get(id.toLowerCase());
    return error ? [{ id, code: error.code, message: error.message }] : [];
  });
  return { succeeded: ids.filter((id) => !failures.has(id.toLowerCase())), failed };
}

const FACTS = {
  userId: 1,
  folder: 1,
  isDeleted: 1,
  isPublic: 1,
  access: 1,
  expiryDate: 1,
} as const;

const keyOf = ({ _id }: BulkFile) => _id.toHexString();
const hasExpired = ({ isDeleted, expiryDate }: BulkFile) =>
  !isDeleted && expiryDate != null && expiryDate <= new Date();

function checkedTags(field: string, tags: readonly string[] | null | undefined): string[] {
  const clean = cleanTags(tags ?? []);
  if (clean.length > MOST_TAG_CHANGES) throw invalid(field, `must name at most ${MOST_TAG_CHANGES} tags`);
  if (clean.some((tag) => tag === '' || [...tag].length > TAG_LENGTH))
    throw invalid(field, `must have tags of 1 to ${TAG_LENGTH} characters`);
  return clean;
}

/** The tags that stay, in their order, and then those that are new. */
function changedTags(add: readonly string[], remove: readonly string[]): Expression {
  // What a tag says is no expression, whatever it begins with.
  const [added, removed] = [{ $literal: add }, { $literal: remove }];
  const stay = { $filter: { input: '$tags', cond: { $not: [{ $in: ['$$this', removed] }] } } };
  const fresh = { $filter: { input: added, cond: { $not: [{ $in: ['$$this', '$tags'] }] } } };
  return { $concatArrays: [stay, fresh] };
}

function invalid(field: string, message: string): AppError {
  return new AppError('BAD_USER_INPUT', `\`${field}\` ${message}.`, { issues: [{ field, message }] });
}

const expired = () => new AppError('GONE', 'The file has expired.');
const tooManyTags = () => new AppError('BAD_USER_INPUT', `The file would have more than ${MOST_TAGS} tags.`);
