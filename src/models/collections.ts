import { buildSchema, type ReturnModelType } from '@typegoose/typegoose';
import type { Connection } from 'mongoose';
import { ApiKey } from './api-key.ts';
import { AuditEvent } from './audit-event.ts';
import { Avatar } from './avatar.ts';
import { Blob } from './blob.ts';
import { ContentJob } from './content-job.ts';
import { StoredFile } from './file.ts';
import { Folder } from './folder.ts';
import { Grant } from './grant.ts';
import { Lease } from './lease.ts';
import { LinkDelivery } from './link-delivery.ts';
import { OutboxMail } from './outbox-mail.ts';
import { RateCount } from './rate-count.ts';
import { Session } from './session.ts';
import { ShareLink } from './share-link.ts';
import { UploadRequest } from './upload-request.ts';
import { UploadState } from './upload-state.ts';
import { User } from './user.ts';
import { Webhook } from './webhook.ts';
import { WebhookDelivery } from './webhook-delivery.ts';

/** The collections of one database, each typed by its class. */
export interface Collections {
  users: ReturnModelType<typeof User>;
  sessions: ReturnModelType<typeof Session>;
  files: ReturnModelType<typeof StoredFile>;
  blobs: ReturnModelType<typeof Blob>;
  jobs: ReturnModelType<typeof ContentJob>;
  leases: ReturnModelType<typeof Lease>;
  apiKeys: ReturnModelType<typeof ApiKey>;
  auditEvents: ReturnModelType<typeof AuditEvent>;
  outbox: ReturnModelType<typeof OutboxMail>;
  avatars: ReturnModelType<typeof Avatar>;
  rateCounts: ReturnModelType<typeof RateCount>;
  folders: ReturnModelType<typeof Folder>;
  grants: ReturnModelType<typeof Grant>;
  linkDeliveries: ReturnModelType<typeof LinkDelivery>;
  shares: ReturnModelType<typeof ShareLink>;
  uploadRequests: ReturnModelType<typeof UploadRequest>;
  uploadStates: ReturnModelType<typeof UploadState>;
  webhooks: ReturnModelType<typeof Webhook>;
  webhookDeliveries: ReturnModelType<typeof WebhookDelivery>;
}

/** Builds the models on a connection; indexes are made by the migrations, never by a model. */
export function collectionsOf(connection: Connection): Collections {
  return {
    users: modelOf(connection, User),
    sessions: modelOf(connection, Session),
    files: modelOf(connection, StoredFile),
    blobs: modelOf(connection, Blob),
    jobs: modelOf(connection, ContentJob),
    leases: modelOf(connection, Lease),
    apiKeys: modelOf(connection, ApiKey),
    auditEvents: modelOf(connection, AuditEvent),
    outbox: modelOf(connection, OutboxMail),
    avatars: modelOf(connection, Avatar),
    rateCounts: modelOf(connection, RateCount),
    folders: modelOf(connection, Folder),
    grants: modelOf(connection, Grant),
    linkDeliveries: modelOf(connection, LinkDelivery),
    shares: modelOf(connection, ShareLink),
    uploadRequests: modelOf(connection, UploadRequest),
    uploadStates: modelOf(connection, UploadState),
    webhooks: modelOf(connection, Webhook),
    webhookDeliveries: modelOf(connection, WebhookDelivery),
  };
}

// Not getModelForClass, which remembers one model per class: a second connection would be given the first one’s.
function modelOf<T extends new () => object>(connection: Connection, type: T): ReturnModelType<T> {
  const schema = buildSchema(type, { schemaOptions: { autoIndex: false, autoCreate: false } });
  return connection.model(type.name, schema) as unknown as ReturnModelType<T>;
}
