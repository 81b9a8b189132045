import { Readable } from 'node:stream';
import { Signer } from '../../../src/auth/signatures.ts';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { Stores } from '../../../src/blobs/stores.ts';
import type { StoredFile } from '../../../src/models/file.ts';
import { AccountWatch } from '../../../src/services/accounts/account-watch.ts';
import { BlobReferences } from '../../../src/services/copies/blob-references.ts';
import { NO_KEYS } from '../../../src/services/copies/content-keys.ts';
import { FilePurge } from '../../../src/services/files/file-purge.ts';
import { FolderTree } from '../../../src/services/folders/folder-tree.ts';
import { Ledger } from '../../../src/services/ledger.ts';
import { quotaRoom } from '../../../src/services/quota.ts';
import { HeldPermissions } from '../../../src/services/sharing/permissions/held-permissions.ts';
import { Sweep } from '../../../src/services/sweep.ts';
import { DirectUploads } from '../../../src/services/uploads/direct-uploads.ts';
import { PartLinks } from '../../../src/services/uploads/part-links.ts';
import { PartUploads } from '../../../src/services/uploads/part-uploads.ts';
import { Tickets } from '../../../src/services/uploads/tickets.ts';
import { UploadRecords } from '../../../src/services/uploads/upload-records.ts';
import { UploadRun } from '../../../src/services/uploads/upload-run.ts';
import { UploadUndo } from '../../../src/services/uploads/upload-undo.ts';
import { UploadService } from '../../../src/services/uploads/uploads.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import type { TestDatabase } from '../database.ts';

/** One node’s services about uploads, over a database and a store, or several, that it may share with others. */
export function uploadNode(
  { collections }: TestDatabase,
  where: BlobStore | Stores,
  staleUpload = -60_000,
  { keys = NO_KEYS, maxFileSize = 50_000 } = {},
) {
  const stores = where instanceof Stores ? where : new Stores([where]);
  const usage = new Ledger(collections.users.collection as never, 'usedBytes', { room: quotaRoom });
  const references = new BlobReferences(collections, stores, 0, keys);
  const purge = new FilePurge(collections.files, usage, references.ledger);
  const undo = new UploadUndo(collections, stores, references, usage, () => undefined);
  const rules = { maxFileSize, types: { allowed: [], blocked: [] } };
  const observer = { began: () => undefined, received: () => undefined, ended: () => undefined };
  const records = new UploadRecords(collections.files);
  const run = new UploadRun({ records, stores, references, usage, keys, rules, observer });
  const links = new PartLinks(new Signer(['a secret'], 'part links'), () => 'http://node.test');
  const tickets = new Tickets({
    collections,
    stores,
    links,
    undo,
    keys,
    rules: { ...rules, partSize: 1_000, lifetimeSeconds: 60 },
  });
  const watch = new AccountWatch(collections);
  const access = new HeldPermissions(collections, new FolderTree(collections.folders));
  const parts = {
    ...{ collections, stores, watch, references, usage, purge, undo, records, run, tickets, keys },
    access,
  };
  const uploads = new UploadService(parts);
  const directUploads = new DirectUploads(parts);
  const partUploads = new PartUploads({
    collections,
    stores,
    links,
    run,
    watch,
    keys,
    authentication: { isLiveKey: async () => true },
  });
  // Everything that is left counts as old, so that one run finds it.
  const sweep = new Sweep({ ...parts, ages: { staleUpload, unreferencedBlob: -60_000, trash: 0, audit: 0 } });
  return { ...parts, uploads, directUploads, partUploads, sweep };
}

/** As `uploadNode` makes it. */
export type UploadNode = ReturnType<typeof uploadNode>;

/** Uploads a text, or bytes as such. */
export function put(services: UploadNode, viewer: Viewer, content: string | Buffer): Promise<StoredFile> {
  const stream = Readable.from([Buffer.from(content)], { objectMode: false });
  const incoming = { open: async () => ({ filename: 'a.txt', mimeType: 'text/plain', stream }) };
  return services.uploads.upload(viewer, incoming, {}, new AbortController().signal);
}

/** What is held for a viewer, its documents and its bytes side by side. */
export async function heldFor({ userId }: Viewer, { collections }: TestDatabase, store: BlobStore) {
  const { users, files, blobs } = collections;
  const [user, allFiles, allBlobs] = await Promise.all([
    users.findById(userId).select('+claims').lean(),
    files.find().lean(),
    blobs.find().lean(),
  ]);
  const keys: string[] = [];
  for await (const { key } of store.list()) keys.push(key);
  return {
    usedBytes: user?.usedBytes,
    claims: [user, ...allBlobs].flatMap((each) => each?.claims ?? []).length,
    files: allFiles.map(({ uploadStatus }) => uploadStatus),
    refCounts: allBlobs.map(({ refCount }) => refCount),
    bytes: keys.length,
    sameKeys: keys.every((key) => allBlobs.some((blob) => blob.key === key)),
  };
}
