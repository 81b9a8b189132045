import { expect } from 'vitest';
import { SealedText } from '../../../src/auth/sealed-text.ts';
import { Signer } from '../../../src/auth/signatures.ts';
import { FileChangeKind } from '../../../src/models/file-change.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { Role } from '../../../src/models/user.ts';
import { NO_LIMITS } from '../../../src/services/limits/rate-limits.ts';
import { SignedCursors } from '../../../src/services/signed-cursors.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { WebhookOutbox } from '../../../src/services/webhooks/webhook-outbox.ts';
import { WebhookPosts } from '../../../src/services/webhooks/webhook-posts.ts';
import { WebhookService } from '../../../src/services/webhooks/webhooks.ts';
import { accountServices, CLIENT, PASSWORD } from '../accounts.ts';
import { openTestDatabase, type TestDatabase } from '../database.ts';
import { WebhookReceiver } from '../webhook-receiver.ts';

const SECRETS = ['a secret of the tests'];
const GOES_ON = new AbortController().signal;

/** What the webhooks here want to hear. */
export const EVENTS = [FileChangeKind.CREATED, FileChangeKind.TRASHED];

/** How one node delivers. */
export interface DeliverySettings {
  readonly allowPrivate?: boolean;
  readonly waits?: readonly number[];
  readonly signal?: AbortSignal;
}

/** A node with webhooks, and a receiver for what they are told. */
export class WebhookNode {
  readonly database: TestDatabase;
  readonly receiver: WebhookReceiver;
  readonly webhooks: WebhookService;
  readonly posts: WebhookPosts;
  private readonly seals = new SealedText(SECRETS, 'webhooks');

  private constructor(database: TestDatabase, receiver: WebhookReceiver) {
    this.database = database;
    this.receiver = receiver;
    const { collections } = database;
    const audit = { record: async () => {} };
    this.webhooks = new WebhookService({ collections, seals: this.seals, audit, limits: NO_LIMITS });
    this.posts = new WebhookPosts({
      collections,
      cursors: new SignedCursors(new Signer(SECRETS, 'cursors')),
      wake: () => undefined,
      onError: (error) => expect(error).toBeNull(),
    });
  }

  static async start(): Promise<WebhookNode> {
    return new WebhookNode(await openTestDatabase(), await WebhookReceiver.start());
  }

  async stop(): Promise<void> {
    await this.receiver.stop();
    await this.database.close();
  }

  /** Forgets what was told and received. */
  async clear(): Promise<void> {
    await this.database.collections.webhookDeliveries.deleteMany({});
    this.receiver.received.length = 0;
    this.receiver.answers.clear();
  }

  /** Makes a webhook that leads to this path of the receiver, or to this address. */
  make(viewer: Viewer, path: string) {
    return this.webhooks.create(viewer, { url: new URL(path, this.receiver.origin).href, events: EVENTS });
  }

  /** Tells of something that happened to a file of this account’s. */
  async happened(kind: FileChangeKind, { userId: owner }: Viewer): Promise<ObjectId> {
    const file = new ObjectId();
    this.posts.told({ kind, file, owner, folder: null, isDeleted: false, at: new Date() });
    await this.posts.idle();
    return file;
  }

  /** Delivers what is due. */
  deliver({ allowPrivate = true, waits, signal = GOES_ON }: DeliverySettings = {}): Promise<number> {
    const outbox = new WebhookOutbox({
      collections: this.database.collections,
      seals: this.seals,
      rules: { allowPrivate },
      observer: { ended: () => undefined },
      ...(waits && { waits }),
    });
    return outbox.run(signal);
  }

  async newViewer(): Promise<Viewer> {
    const username = `u${new ObjectId().toHexString()}`;
    const { accounts } = accountServices(this.database.collections);
    const input = { username, email: `${username}@example.org`, password: PASSWORD };
    const { user } = await accounts.register(input, CLIENT);
    return { userId: user._id, sessionId: null, role: Role.USER, isEmailVerified: true };
  }
}
