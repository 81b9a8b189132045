import { Signer } from '../../../src/auth/signatures.ts';
import type { StoredFile } from '../../../src/models/file.ts';
import { FileChangeKind } from '../../../src/models/file-change.ts';
import type { Folder } from '../../../src/models/folder.ts';
import { Permission, ShareKind } from '../../../src/models/grant.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { Role } from '../../../src/models/user.ts';
import type { Act } from '../../../src/services/audit/audit-trail.ts';
import { FilePurge } from '../../../src/services/files/file-purge.ts';
import { FileService } from '../../../src/services/files/files.ts';
import { FolderTree } from '../../../src/services/folders/folder-tree.ts';
import { Ledger } from '../../../src/services/ledger.ts';
import type { LimitName } from '../../../src/services/limits/rate-limits.ts';
import { NO_LIMITS } from '../../../src/services/limits/rate-limits.ts';
import { FileEvents } from '../../../src/services/live/file-events.ts';
import { GrantListing } from '../../../src/services/sharing/people/grant-listing.ts';
import { GrantService } from '../../../src/services/sharing/people/grants.ts';
import { AccessWatch } from '../../../src/services/sharing/permissions/access-watch.ts';
import { HeldPermissions } from '../../../src/services/sharing/permissions/held-permissions.ts';
import { SignedCursors } from '../../../src/services/signed-cursors.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import type { TestDatabase } from '../database.ts';
import { fileOf, insert } from '../listed-files.ts';

/** What people share with people, over a database; what is told, recorded and spent is collected. */
export class SharingStage {
  readonly access: HeldPermissions;
  readonly grants: GrantService;
  readonly listing: GrantListing;
  readonly files: FileService;
  readonly watch = new AccessWatch();
  readonly acts: Act[] = [];
  readonly told: ObjectId[] = [];
  readonly spent: [LimitName, number][] = [];
  private readonly database: TestDatabase;
  private made = 0;

  constructor(database: TestDatabase, { needsVerifiedEmail = false } = {}) {
    const { collections } = database;
    this.database = database;
    const audit = { record: async (act: Act) => void this.acts.push(act) };
    const events = new FileEvents();
    events.onEvent(({ kind, file }) => {
      if (kind === FileChangeKind.SHARED) this.told.push(file);
    });
    this.access = new HeldPermissions(collections, new FolderTree(collections.folders));
    const limits = {
      ...NO_LIMITS,
      spend: async (limit: LimitName, _key: string, points = 1) => void this.spent.push([limit, points]),
    };
    const common = { collections, access: this.access, audit, events };
    this.grants = new GrantService({ ...common, limits, needsVerifiedEmail, accessWatch: this.watch });
    const cursors = new SignedCursors(new Signer(['a secret'], 'grants'));
    this.listing = new GrantListing(collections, this.access, cursors);
    const usage = new Ledger(collections.users.collection as never, 'usedBytes', { room: () => ({}) });
    const references = new Ledger(collections.blobs.collection as never, 'refCount', { room: () => ({}) });
    const purge = new FilePurge(collections.files, usage, references, collections);
    this.files = new FileService({ ...common, files: collections.files, purge });
  }

  /** Somebody with an account. */
  async person(changes: object = {}): Promise<Viewer & { readonly name: string }> {
    this.made += 1;
    const name = `person_${this.made}_${new ObjectId().toHexString().slice(-6)}`;
    const user = { username: name, email: `${name}@example.org`, password: 'x', quotaBytes: null };
    const { _id: userId } = await this.database.collections.users.create({ ...user, ...changes });
    return { userId, sessionId: new ObjectId(), role: Role.USER, isEmailVerified: false, name };
  }

  async folder({ userId }: Viewer, parent: Folder | null = null): Promise<Folder> {
    this.made += 1;
    const name = `folder ${this.made}`;
    const place = { parent: parent?._id ?? null, isDeleted: false };
    const { folders } = this.database.collections;
    const made = await folders.create({ userId, name, nameKey: name, ...place });
    return { ...made.toObject(), id: made.id } as Folder;
  }

  async file({ userId }: Viewer, folder: Folder | null = null, changes: Partial<StoredFile> = {}) {
    const file = fileOf(userId, 'a.txt', { folder: folder?._id ?? null, ...changes });
    await insert(this.database.collections, [file]);
    return { ...file, id: file._id.toHexString() };
  }

  /** Writes a grant as it may have been left, whether or not it could be given now. */
  async left(by: Viewer, thing: StoredFile | Folder, to: Viewer, permission: Permission): Promise<void> {
    const kind = 'originalName' in thing ? ShareKind.FILE : ShareKind.FOLDER;
    const grant = { userId: thing.userId, kind, target: thing._id, grantee: to.userId };
    await this.database.collections.grants.create({ ...grant, grantedBy: by.userId, permission });
  }

  /** Gives as the service does. */
  give(by: Viewer, thing: StoredFile | Folder, to: Viewer, permission: Permission) {
    return this.grants.give(by, { ...named(thing), userId: to.userId.toHexString(), permission });
  }

  revoke(by: Viewer, thing: StoredFile | Folder, from: Viewer): Promise<boolean> {
    return this.grants.revoke(by, { ...named(thing), userId: from.userId.toHexString() });
  }

  /** What somebody holds on a thing as it is stored now. */
  async held(who: Viewer, thing: StoredFile | Folder): Promise<Permission | null> {
    return this.access.of(who.userId, await this.stored(thing));
  }

  async stored<T extends StoredFile | Folder>(thing: T): Promise<T> {
    const { files, folders } = this.database.collections;
    const found = await ('originalName' in thing ? files : (folders as never as typeof files))
      .findById(thing._id)
      .lean();
    return found as unknown as T;
  }
}

/** How a thing is named to the service. */
export const named = (thing: StoredFile | Folder) =>
  'originalName' in thing ? { fileId: String(thing._id) } : { folderId: String(thing._id) };
