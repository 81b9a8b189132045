import { AuditAction, type AuditEvent } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import { LISTED, listIndex, type StoredFile } from '../../models/file.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { User } from '../../models/user.ts';
import { isConfirmed } from '../credentials/second-factor-check.ts';
import type { LinkService } from '../files/links.ts';
import { foldersOf } from '../folders/exported-folders.ts';
import { namedUploadsOf } from '../live/exported-uploads.ts';
import { linksMadeBy } from '../sharing/links/exported-links.ts';
import { grantsGivenBy, grantsReceivedBy } from '../sharing/people/exported-grants.ts';
import { requestsMadeBy } from '../sharing/requests/request-end.ts';
import { webhookDeliveriesOf, webhooksOf } from '../webhooks/exported-webhooks.ts';
import type { AvatarService } from './avatars.ts';

/** Where an export gets what it holds. */
export interface ExportSources {
  readonly collections: Collections;
  readonly links: LinkService;
  readonly avatars: Pick<AvatarService, 'url'>;
}

// Long enough to fetch many files, short enough that a copy left lying about is not for ever a key to them.
const URL_SECONDS = 24 * 60 * 60;
// A cursor that is not asked for ten minutes ends: as few documents at once as also a slow reader takes by then.
const BATCH = { batchSize: 100 };

/**
 * Everything that is held of an account, as the text of one JSON object, read from the database as fast as it is taken.
 * No secret is in it, nor where strangers came from. `isComplete` stands last: a text without it was cut.
 */
export async function* exportedDocument(
  sources: ExportSources,
  userId: ObjectId,
): AsyncGenerator<string, void, undefined> {
  const { collections } = sources;
  const user = await collections.users
    .findOne({ _id: userId })
    .select('+secondFactor +emailVerificationExpires +passwordResetExpires')
    .lean();
  if (!user) return;
  yield `{\n${member('exportedAt', new Date())},\n`;
  yield `${member('account', accountFacts(user, sources))},\n`;
  yield* list('sessions', sessionsOf(collections, userId));
  yield* list('apiKeys', apiKeysOf(collections, userId));
  yield* list('pendingMails', mailsOf(collections, userId));
  yield* list('events', eventsOf(collections, userId));
  yield* list('uploadRequests', requestsMadeBy(collections, userId));
  yield* list('folders', foldersOf(collections, userId));
  yield* list('files', filesOf(sources, userId));
  yield* list('namedUploads', namedUploadsOf(collections, userId));
  yield* list('shareLinks', linksMadeBy(collections, userId));
  yield* list('accessGiven', grantsGivenBy(collections, userId));
  yield* list('accessReceived', grantsReceivedBy(collections, userId));
  yield* list('webhooks', webhooksOf(collections, userId));
  yield* list('webhookDeliveries', webhookDeliveriesOf(collections, userId));
  yield `${member('isComplete', true)}\n}\n`;
}

const member = (name: string, value: unknown) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`;

async function* list(name: string, values: AsyncIterable<object>): AsyncGenerator<string> {
  yield `${JSON.stringify(name)}: [`;
  let isFirst = true;
  for await (const value of values) {
    yield `${isFirst ? '' : ','}\n${JSON.stringify(value)}`;
    isFirst = false;
  }
  yield '],\n';
}

function accountFacts(user: User, { avatars }: ExportSources): object {
  const { _id, username, email, firstName = null, lastName = null, role, secondFactor } = user;
  return {
    id: _id,
    username,
    email,
    firstName,
    lastName,
    role,
    isEmailVerified: user.isEmailVerified,
    isActive: user.isActive,
    lastLogin: user.lastLogin ?? null,
    createdAt: user.createdAt,
    updatedAt: user.updatedAt,
    usage: { usedBytes: user.usedBytes, quotaBytes: user.quotaBytes ?? null },
    avatarUrl: user.avatarVersion ? avatars.url(user) : null,
    secondFactor: isConfirmed(secondFactor)
      ? { since: secondFactor.confirmedAt, recoveryCodesLeft: secondFactor.recoveryCodes.length }
      : null,
    verificationMailValidUntil: user.emailVerificationExpires ?? null,
    passwordResetMailValidUntil: user.passwordResetExpires ?? null,
  };
}

async function* sessionsOf({ sessions }: Collections, userId: ObjectId): AsyncGenerator<object> {
  for await (const session of sessions
    .find({ userId })
    .sort({ lastUsedAt: -1, _id: -1 })
    .hint('user_sessions')
    .batchSize(BATCH.batchSize)
    .lean()) {
    const { _id, userAgent = null, ip = null, createdAt, lastUsedAt, expiresAt, revokedAt = null } = session;
    yield { id: _id, userAgent, ip, createdAt, lastUsedAt, expiresAt, revokedAt };
  }
}

async function* apiKeysOf({ apiKeys }: Collections, userId: ObjectId): AsyncGenerator<object> {
  for await (const key of apiKeys.find({ userId }, {}, BATCH).lean()) {
    const {
      _id,
      name,
      prefix,
      scopes,
      createdAt,
      expiresAt = null,
      lastUsedAt = null,
      revokedAt = null,
    } = key;
    yield { id: _id, name, prefix, scopes, createdAt, expiresAt, lastUsedAt, revokedAt };
  }
}

async function* mailsOf({ outbox }: Collections, userId: ObjectId): AsyncGenerator<object> {
  // Not the letter: whoever reads it can verify an address or set a password.
  for await (const { _id, to, createdAt } of outbox.find({ userId }, { to: 1, createdAt: 1 }, BATCH).lean()) {
    yield { id: _id, to, createdAt };
  }
}

async function* eventsOf({ auditEvents }: Collections, userId: ObjectId): AsyncGenerator<object> {
  for await (const event of auditEvents.find({ subjectId: userId }, {}, BATCH).sort({ _id: -1 }).lean()) {
    yield eventFacts(event, userId);
  }
  for await (const event of auditEvents.find({ actorId: userId }, {}, BATCH).sort({ _id: -1 }).lean()) {
    if (!event.subjectId?.equals(userId)) yield eventFacts(event, userId);
  }
}

const OF_STRANGERS: ReadonlySet<AuditAction> = new Set([
  AuditAction.FILE_DOWNLOADED,
  AuditAction.SHARE_OPENED,
  AuditAction.SHARE_DOWNLOADED,
  AuditAction.SHARE_PASSWORD_FAILED,
  AuditAction.UPLOAD_REQUEST_USED,
]);

function eventFacts(event: AuditEvent, userId: ObjectId): object {
  const { _id, action, outcome, actorId, subjectId = null, targetId = null, apiKeyId = null } = event;
  const isOwn = actorId?.equals(userId) ?? false;
  // Somebody who tries a password claims to be the owner, who may know from where; whoever comes for what is shared does not.
  const isStranger = !isOwn && (Boolean(actorId) || OF_STRANGERS.has(action));
  const { ip = null, userAgent = null } = isStranger ? {} : event;
  const details = event.details ?? null;
  const facts = { id: _id, at: event.createdAt, action, outcome, byOneself: isOwn, subjectId, targetId };
  return { ...facts, apiKeyId, ip, userAgent, details };
}

async function* filesOf({ collections, links }: ExportSources, userId: ObjectId): AsyncGenerator<object> {
  for (const isDeleted of [false, true]) {
    const files = collections.files
      .find({ userId, isDeleted, ...LISTED }, {}, BATCH)
      .sort({ createdAt: 1, _id: 1 })
      .select('+versions')
      .hint(listIndex('own', 'createdAt'))
      .lean();
    for await (const file of files) yield fileFacts(file, userId, links);
  }
}

function fileFacts(file: StoredFile, userId: ObjectId, links: LinkService): object {
  const id = file._id.toHexString();
  return {
    id,
    originalName: file.originalName,
    fileName: file.fileName,
    fileSize: file.fileSize,
    mimeType: file.mimeType,
    fileHash: file.fileHash,
    description: file.description ?? null,
    tags: file.tags,
    isPublic: file.isPublic,
    access: file.access,
    metadata: file.metadata ?? null,
    virus: file.virus,
    encryption: file.encryption,
    downloadCount: file.downloadCount,
    lastDownloaded: file.lastDownloaded ?? null,
    expiryDate: file.expiryDate ?? null,
    folderId: file.folder ?? null,
    isDeleted: file.isDeleted,
    deletedAt: file.deletedAt ?? null,
    createdAt: file.createdAt,
    updatedAt: file.updatedAt,
    versions: (file.versions ?? []).map((version) => ({
      id: version._id,
      fileSize: version.fileSize,
      mimeType: version.mimeType,
      fileHash: version.fileHash,
      createdAt: version.createdAt,
      downloadUrl: file.isDeleted
        ? null
        : links.contentUrl({ userId }, id, URL_SECONDS, 'attachment', version._id.toHexString()),
    })),
    // What lies in the trash is not served: restored, it is in the next export with its address.
    downloadUrl: file.isDeleted ? null : links.contentUrl({ userId }, id, URL_SECONDS, 'attachment'),
  };
}
