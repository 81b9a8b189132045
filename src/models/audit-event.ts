import { index, modelOptions, prop, Severity } from '@typegoose/typegoose';
import { Types } from 'mongoose';
import { Field, ID, ObjectType, registerEnumType } from 'type-graphql';
import { DateTime, JSONObject } from './scalars.ts';

/** Every act that leaves a trace. */
export enum AuditAction {
  REGISTERED = 'REGISTERED',
  LOGGED_IN = 'LOGGED_IN',
  LOGIN_FAILED = 'LOGIN_FAILED',
  LOGGED_OUT = 'LOGGED_OUT',
  SESSION_REVOKED = 'SESSION_REVOKED',
  REFRESH_TOKEN_REUSED = 'REFRESH_TOKEN_REUSED',
  PASSWORD_CHANGED = 'PASSWORD_CHANGED',
  PASSWORD_RESET_ASKED = 'PASSWORD_RESET_ASKED',
  PASSWORD_RESET = 'PASSWORD_RESET',
  EMAIL_VERIFIED = 'EMAIL_VERIFIED',
  SECOND_FACTOR_ENABLED = 'SECOND_FACTOR_ENABLED',
  SECOND_FACTOR_DISABLED = 'SECOND_FACTOR_DISABLED',
  SECOND_FACTOR_FAILED = 'SECOND_FACTOR_FAILED',
  RECOVERY_CODE_USED = 'RECOVERY_CODE_USED',
  RECOVERY_CODES_RENEWED = 'RECOVERY_CODES_RENEWED',
  API_KEY_CREATED = 'API_KEY_CREATED',
  API_KEY_REVOKED = 'API_KEY_REVOKED',
  DATA_EXPORTED = 'DATA_EXPORTED',
  ACCOUNT_DELETED = 'ACCOUNT_DELETED',
  ACCOUNT_DEACTIVATED = 'ACCOUNT_DEACTIVATED',
  ACCOUNT_ACTIVATED = 'ACCOUNT_ACTIVATED',
  ROLE_CHANGED = 'ROLE_CHANGED',
  QUOTA_CHANGED = 'QUOTA_CHANGED',
  FILE_DELETED = 'FILE_DELETED',
  FILE_PURGED = 'FILE_PURGED',
  TRASH_EMPTIED = 'TRASH_EMPTIED',
  FILE_DOWNLOADED = 'FILE_DOWNLOADED',
  FILE_QUARANTINED = 'FILE_QUARANTINED',
  FILE_RELEASED = 'FILE_RELEASED',
  SHARE_CREATED = 'SHARE_CREATED',
  SHARE_UPDATED = 'SHARE_UPDATED',
  SHARE_REVOKED = 'SHARE_REVOKED',
  SHARE_OPENED = 'SHARE_OPENED',
  SHARE_DOWNLOADED = 'SHARE_DOWNLOADED',
  SHARE_PASSWORD_FAILED = 'SHARE_PASSWORD_FAILED',
  ACCESS_GRANTED = 'ACCESS_GRANTED',
  ACCESS_REVOKED = 'ACCESS_REVOKED',
  UPLOAD_REQUESTED = 'UPLOAD_REQUESTED',
  UPLOAD_REQUEST_CHANGED = 'UPLOAD_REQUEST_CHANGED',
  UPLOAD_REQUEST_REVOKED = 'UPLOAD_REQUEST_REVOKED',
  UPLOAD_REQUEST_USED = 'UPLOAD_REQUEST_USED',
  FOLDER_DELETED = 'FOLDER_DELETED',
  VERSION_DELETED = 'VERSION_DELETED',
  WEBHOOK_CREATED = 'WEBHOOK_CREATED',
  WEBHOOK_CHANGED = 'WEBHOOK_CHANGED',
  WEBHOOK_DELETED = 'WEBHOOK_DELETED',
}

/** Whether the act was done or refused. */
export enum AuditOutcome {
  DONE = 'DONE',
  REFUSED = 'REFUSED',
}

registerEnumType(AuditOutcome, {
  name: 'AuditOutcome',
  description: 'Whether an act was done or refused.',
  valuesConfig: {
    DONE: { description: 'It was done.' },
    REFUSED: { description: 'It was tried, and refused.' },
  },
});

registerEnumType(AuditAction, {
  name: 'AuditAction',
  description: 'An act that leaves a trace.',
  valuesConfig: {
    REGISTERED: { description: 'An account was made.' },
    LOGGED_IN: { description: 'A session began.' },
    LOGIN_FAILED: { description: 'A login was refused.' },
    LOGGED_OUT: { description: 'A session, or all of an account’s, was ended by itself.' },
    SESSION_REVOKED: { description: 'One session was ended from another.' },
    REFRESH_TOKEN_REUSED: { description: 'An old refresh token came again; its session was ended.' },
    PASSWORD_CHANGED: { description: 'The password was changed by its owner.' },
    PASSWORD_RESET_ASKED: { description: 'A mail to reset the password was asked for.' },
    PASSWORD_RESET: { description: 'The password was set anew by a mailed token.' },
    EMAIL_VERIFIED: { description: 'The owner proved to receive mail at the address.' },
    SECOND_FACTOR_ENABLED: { description: 'Logins need a code from now on.' },
    SECOND_FACTOR_DISABLED: { description: 'Logins need no code any more.' },
    SECOND_FACTOR_FAILED: { description: 'A code was wrong, old or used.' },
    RECOVERY_CODE_USED: { description: 'A recovery code stood in for the second factor.' },
    RECOVERY_CODES_RENEWED: { description: 'New recovery codes replaced the old ones.' },
    API_KEY_CREATED: { description: 'An API key was made.' },
    API_KEY_REVOKED: { description: 'An API key was taken back.' },
    DATA_EXPORTED: { description: 'Everything that is held of an account was handed to its owner.' },
    ACCOUNT_DELETED: { description: 'An account was deleted by its owner.' },
    ACCOUNT_DEACTIVATED: { description: 'An account was shut out.' },
    ACCOUNT_ACTIVATED: { description: 'An account that was shut out may come in again.' },
    ROLE_CHANGED: { description: 'What an account may do changed.' },
    QUOTA_CHANGED: { description: 'How much an account may store changed.' },
    FILE_DELETED: { description: 'A file was put into the trash.' },
    FILE_PURGED: { description: 'A file was removed for good.' },
    TRASH_EMPTIED: { description: 'All files in an account’s trash were removed for good.' },
    FILE_DOWNLOADED: { description: 'Somebody else than its owner fetched a file.' },
    FILE_QUARANTINED: { description: 'A content was found infected and locked away.' },
    FILE_RELEASED: { description: 'An administrator let a file out of quarantine.' },
    SHARE_CREATED: { description: 'A share link was made.' },
    SHARE_UPDATED: { description: 'A share link was changed.' },
    SHARE_REVOKED: { description: 'A share link was taken back.' },
    SHARE_OPENED: { description: 'Somebody opened a share link.' },
    SHARE_DOWNLOADED: { description: 'Somebody fetched a content through a share link.' },
    SHARE_PASSWORD_FAILED: {
      description: 'A wrong password was given to a share link or an upload request.',
    },
    ACCESS_GRANTED: { description: 'Somebody was given access to a file or a folder, or another access.' },
    ACCESS_REVOKED: { description: 'Access to a file or a folder was taken back.' },
    UPLOAD_REQUESTED: { description: 'A link was made through which others drop files into a folder.' },
    UPLOAD_REQUEST_CHANGED: { description: 'Such a link was changed.' },
    UPLOAD_REQUEST_REVOKED: { description: 'Such a link was taken back.' },
    UPLOAD_REQUEST_USED: { description: 'Somebody dropped a file through such a link.' },
    FOLDER_DELETED: { description: 'A folder was put into the trash, with everything below it.' },
    VERSION_DELETED: { description: 'An earlier content of a file was removed for good.' },
    WEBHOOK_CREATED: { description: 'A webhook was made.' },
    WEBHOOK_CHANGED: { description: 'A webhook was changed.' },
    WEBHOOK_DELETED: { description: 'A webhook was removed.' },
  },
});

/** One act that matters for security: who, what, on what, from where, when, with what outcome. Never changed. */
@ObjectType({ description: 'One act that matters for security; it is never changed.' })
@index({ action: 1, _id: -1 }, { name: 'by_action' })
@index(
  { outcome: 1, _id: -1 },
  { partialFilterExpression: { outcome: AuditOutcome.REFUSED }, name: 'refused' },
)
@index({ actorId: 1, _id: -1 }, { name: 'by_actor' })
@index({ subjectId: 1, _id: -1 }, { name: 'by_subject' })
@index({ targetId: 1, _id: -1 }, { sparse: true, name: 'by_target' })
@modelOptions({
  schemaOptions: {
    collection: 'auditevents',
    timestamps: { createdAt: true, updatedAt: false },
    versionKey: false,
  },
  options: { allowMixed: Severity.ALLOW },
})
export class AuditEvent {
  _id!: Types.ObjectId;

  @Field(() => ID, { simple: true, description: 'The event’s id; later events have greater ones.' })
  id!: string;

  @Field(() => AuditAction, { simple: true, description: 'What was done.' })
  @prop({ type: () => String, enum: AuditAction, required: true })
  action!: AuditAction;

  @Field(() => AuditOutcome, { simple: true, description: 'Whether it was done or refused.' })
  @prop({ type: () => String, enum: AuditOutcome, required: true })
  outcome!: AuditOutcome;

  @Field(() => ID, {
    simple: true,
    nullable: true,
    description: 'The account that did it; null for somebody without one, and for the command line.',
  })
  @prop({ type: () => Types.ObjectId })
  actorId?: Types.ObjectId | null;

  @Field(() => ID, { simple: true, nullable: true, description: 'The account it was done to.' })
  @prop({ type: () => Types.ObjectId })
  subjectId?: Types.ObjectId | null;

  @Field(() => ID, {
    simple: true,
    nullable: true,
    description: 'The file, folder, link, session or key it was done to.',
  })
  @prop({ type: () => Types.ObjectId })
  targetId?: Types.ObjectId | null;

  @Field(() => ID, { simple: true, nullable: true, description: 'The API key that was used for it.' })
  @prop({ type: () => Types.ObjectId })
  apiKeyId?: Types.ObjectId | null;

  @Field(() => String, { simple: true, nullable: true, description: 'The address it came from.' })
  @prop({ type: () => String })
  ip?: string | null;

  @Field(() => String, { simple: true, nullable: true, description: 'The User-Agent it came with.' })
  @prop({ type: () => String })
  userAgent?: string | null;

  @Field(() => String, { simple: true, nullable: true, description: 'The request’s id, as in the log.' })
  @prop({ type: () => String })
  requestId?: string | null;

  @Field(() => JSONObject, {
    simple: true,
    nullable: true,
    description: 'What else is worth knowing; never a secret.',
  })
  @prop({ type: () => Object })
  details?: Record<string, unknown> | null;

  @Field(() => DateTime, { simple: true, description: 'When.' })
  createdAt!: Date;
}
