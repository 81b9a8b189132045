import { Signer } from '../../auth/signatures.ts';
import type { FilePurge } from '../../services/files/file-purge.ts';
import { FilePlaces } from '../../services/folders/file-places.ts';
import { FolderListing } from '../../services/folders/folder-listing.ts';
import { FolderLocks } from '../../services/folders/folder-locks.ts';
import { FolderLookup } from '../../services/folders/folder-lookup.ts';
import { FolderRemovals } from '../../services/folders/folder-removals.ts';
import { FolderScopes } from '../../services/folders/folder-scopes.ts';
import { FolderSpread } from '../../services/folders/folder-spread.ts';
import { FolderTrash } from '../../services/folders/folder-trash.ts';
import { FolderService } from '../../services/folders/folders.ts';
import { ManyPermissions } from '../../services/sharing/permissions/many-permissions.ts';
import { SignedCursors } from '../../services/signed-cursors.ts';
import type { AuditedParts } from './parts.ts';

/** Wires folders, and what others need of them. */
export function createFolders(parts: AuditedParts, purge: FilePurge) {
  const { collections, tree, access, leases, secrets } = parts;
  const { files, folders } = collections;
  const lookup = new FolderLookup({ folders, access, many: new ManyPermissions(access) });
  const locks = new FolderLocks(leases);
  const trash = new FolderTrash({ folders, locks, spread: new FolderSpread(parts), purge });
  const cursors = new SignedCursors(new Signer(secrets, 'folder cursors'));
  return {
    services: {
      folders: new FolderService({ collections, lookup, locks, trash, tree }),
      folderRemovals: new FolderRemovals({ files, tree, lookup, trash, audit: parts.audit }),
      folderListing: new FolderListing({ folders, lookup, cursors }),
    },
    moving: { lookup, locks, trash },
    scopes: new FolderScopes({ lookup, tree }),
    places: new FilePlaces({ collections, trash }),
  };
}

/** Folders as `createFolders` wires them. */
export type Folding = ReturnType<typeof createFolders>;
