import { Signer } from '../../../src/auth/signatures.ts';
import type { AuditAction } from '../../../src/models/audit-event.ts';
import type { Collections } from '../../../src/models/collections.ts';
import type { FileChangeKind } from '../../../src/models/file-change.ts';
import type { Folder } from '../../../src/models/folder.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { Role } from '../../../src/models/user.ts';
import { BulkFiles } from '../../../src/services/files/bulk.ts';
import { FileCursors } from '../../../src/services/files/file-cursors.ts';
import { FileListing } from '../../../src/services/files/file-listing.ts';
import { FilePurge } from '../../../src/services/files/file-purge.ts';
import { FileService } from '../../../src/services/files/files.ts';
import { FileMoves } from '../../../src/services/folders/file-moves.ts';
import { FilePlaces } from '../../../src/services/folders/file-places.ts';
import { FolderListing } from '../../../src/services/folders/folder-listing.ts';
import { FolderLocks } from '../../../src/services/folders/folder-locks.ts';
import { FolderLookup } from '../../../src/services/folders/folder-lookup.ts';
import { FolderRemovals } from '../../../src/services/folders/folder-removals.ts';
import { FolderScopes } from '../../../src/services/folders/folder-scopes.ts';
import { FolderSpread } from '../../../src/services/folders/folder-spread.ts';
import { FolderSweep } from '../../../src/services/folders/folder-sweep.ts';
import { FolderTrash } from '../../../src/services/folders/folder-trash.ts';
import { FolderTree } from '../../../src/services/folders/folder-tree.ts';
import { FolderService } from '../../../src/services/folders/folders.ts';
import { Leases } from '../../../src/services/leases.ts';
import { Ledger } from '../../../src/services/ledger.ts';
import { FileSearch } from '../../../src/services/search/file-search.ts';
import { HeldPermissions } from '../../../src/services/sharing/permissions/held-permissions.ts';
import { ManyPermissions } from '../../../src/services/sharing/permissions/many-permissions.ts';
import { SignedCursors } from '../../../src/services/signed-cursors.ts';
import type { Viewer } from '../../../src/services/viewer.ts';

/** Which files lists are of, over this database. */
export function scopesOf(collections: Collections): FolderScopes {
  const tree = new FolderTree(collections.folders);
  const access = new HeldPermissions(collections, tree);
  const many = new ManyPermissions(access);
  return new FolderScopes({ lookup: new FolderLookup({ folders: collections.folders, access, many }), tree });
}

/** One node’s services about folders over a database that it may share with others; what is told and recorded is collected. */
export function folderNode(collections: Collections, leaseMs?: number) {
  const { folders, files } = collections;
  const acts: AuditAction[] = [];
  const told: { kind: FileChangeKind; id: string }[] = [];
  const audit = { record: async ({ action }: { action: AuditAction }) => void acts.push(action) };
  const events = {
    tell: (kind: FileChangeKind, { _id }: { _id: ObjectId }) =>
      void told.push({ kind, id: _id.toHexString() }),
  };
  const tree = new FolderTree(folders);
  const access = new HeldPermissions(collections, tree);
  const permissions = new ManyPermissions(access);
  const lookup = new FolderLookup({ folders, access, many: permissions });
  const locks = new FolderLocks(new Leases(collections.leases, leaseMs));
  const usage = new Ledger(collections.users.collection as never, 'usedBytes', { room: () => ({}) });
  const references = new Ledger(collections.blobs.collection as never, 'refCount', { room: () => ({}) });
  const purge = new FilePurge(files, usage, references, collections);
  const spread = new FolderSpread({ collections, tree, events });
  const trash = new FolderTrash({ folders, locks, spread, purge });
  const places = new FilePlaces({ collections, trash });
  const bulk = new BulkFiles({ files, permissions, audit, events });
  const signer = new Signer(['a secret of the tests'], 'cursors');
  return {
    ...{ acts, told, tree, lookup, locks, trash, places, purge },
    folders: new FolderService({ collections, lookup, locks, trash, tree }),
    removals: new FolderRemovals({ files, tree, lookup, trash, audit }),
    bulk,
    moves: new FileMoves({ files, bulk, lookup, locks, trash, events }),
    listing: new FolderListing({ folders, lookup, cursors: new SignedCursors(signer) }),
    files: new FileService({ files, purge, audit, access, events, places } as never),
    fileListing: new FileListing(
      files,
      new FileCursors(signer),
      new FolderScopes({ lookup, tree }),
      new FileSearch(files, false),
    ),
    sweep: new FolderSweep(collections, purge, events),
  };
}

/** As `folderNode` makes it. */
export type FolderNode = ReturnType<typeof folderNode>;

/** Somebody with an account, as far as folders ask. */
export async function someone(collections: Collections): Promise<Viewer> {
  const name = new ObjectId().toHexString();
  const user = await collections.users.create({
    username: `u${name}`.slice(0, 30),
    email: `${name}@example.org`,
    password: 'x',
    quotaBytes: null,
  });
  return { userId: user._id, sessionId: null, role: Role.USER, isEmailVerified: true };
}

/** A live folder’s document as `createFolder` leaves it. */
export function folderOf(owner: ObjectId, name: string, parent: ObjectId | null = null): Folder {
  const now = new Date();
  return {
    _id: new ObjectId(),
    userId: owner,
    name,
    nameKey: name.toLowerCase(),
    parent,
    isDeleted: false,
    deletedAt: null,
    createdAt: now,
    updatedAt: now,
  } as Folder;
}

/** Every live folder of the account as its path of names, sorted; throws where the folders are no tree. */
export async function pathsOf(collections: Collections, { userId }: Viewer): Promise<string[]> {
  const all = await collections.folders.find({ userId, isDeleted: false }).lean();
  const byId = new Map(all.map((folder) => [folder._id.toHexString(), folder]));
  return all
    .map((folder) => {
      const names: string[] = [];
      for (let next: Folder | undefined = folder; next; ) {
        names.unshift(next.name);
        if (names.length > all.length) throw new Error(`A circle: ${names.slice(0, 9).join('/')}`);
        if (!next.parent) break;
        const above: Folder | undefined = byId.get(next.parent.toHexString());
        if (!above) throw new Error(`${names.join('/')} lies in a folder that is not live`);
        next = above;
      }
      return names.join('/');
    })
    .sort();
}
