import { Readable } from 'node:stream';
import type { StoredFile } from '../../../src/models/file.ts';
import type { ObjectId } from '../../../src/models/object-id.ts';
import { FileService } from '../../../src/services/files/files.ts';
import { FolderLocks } from '../../../src/services/folders/folder-locks.ts';
import { FolderLookup } from '../../../src/services/folders/folder-lookup.ts';
import { FolderTree } from '../../../src/services/folders/folder-tree.ts';
import { Leases } from '../../../src/services/leases.ts';
import { FileEvents } from '../../../src/services/live/file-events.ts';
import { HeldPermissions } from '../../../src/services/sharing/permissions/held-permissions.ts';
import { ManyPermissions } from '../../../src/services/sharing/permissions/many-permissions.ts';
import { contentsOf } from '../../../src/services/versions/contents.ts';
import { FileCopies } from '../../../src/services/versions/file-copies.ts';
import { VersionPurge } from '../../../src/services/versions/version-purge.ts';
import { VersionReader } from '../../../src/services/versions/version-reader.ts';
import { VersionUploads } from '../../../src/services/versions/version-uploads.ts';
import { VersionService } from '../../../src/services/versions/versions.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import type { TestDatabase } from '../database.ts';
import type { UploadNode } from './upload-node.ts';

type Base = Pick<
  UploadNode,
  'stores' | 'usage' | 'references' | 'purge' | 'undo' | 'run' | 'records' | 'watch' | 'uploads'
>;

/** What a node does with versions and copies, over its uploads. */
export function versionsOn<Node extends Base>(node: Node, { collections }: TestDatabase, kept = 10) {
  const access = new HeldPermissions(collections, new FolderTree(collections.folders));
  const events = new FileEvents();
  const audit = { record: async () => undefined };
  const service = new FileService({ files: collections.files, purge: node.purge, audit, access, events });
  const purge = new VersionPurge(collections.files, node.usage, node.references.ledger);
  const reader = new VersionReader(collections, access);
  const parts = { ...node, collections, service, access, events, audit, reader, purge };
  const versionUploads = new VersionUploads({
    ...parts,
    files: collections.files,
    kept,
    onProblem: () => undefined,
  });
  const lookup = new FolderLookup({
    folders: collections.folders,
    access,
    many: new ManyPermissions(access),
  });
  const locks = new FolderLocks(new Leases(collections.leases));
  const copies = new FileCopies({
    ...parts,
    folders: lookup,
    locks,
    places: { settle: async () => null },
  });
  /** Uploads a text over a file. */
  const over = (viewer: Viewer, file: Pick<StoredFile, 'id'>, content: string | Buffer, sha256?: string) => {
    const stream = Readable.from([Buffer.from(content)], { objectMode: false });
    const incoming = { open: async () => ({ filename: 'x.bin', mimeType: 'text/plain', stream }) };
    return versionUploads.upload(viewer, file.id, incoming, { sha256 }, new AbortController().signal);
  };
  const versions = new VersionService(parts);
  const idle = async () => {
    await node.run.idle();
  };
  return { ...node, service, reader, versions, versionUploads, copies, over, events, idle };
}

/** Everything that is wrong with the counts and the bytes of the viewer, who owns all there is. */
export async function miscounts(
  { userId }: { userId: ObjectId },
  { collections }: TestDatabase,
): Promise<string[]> {
  const { files, blobs, users } = collections;
  const all = (await files.collection.find({ blob: { $exists: true } }).toArray()) as unknown as StoredFile[];
  const contents = all.flatMap(contentsOf);
  const bytes = contents.reduce((sum, { fileSize }) => sum + fileSize, 0);
  const user = await users.collection.findOne({ _id: userId });
  const found = all.flatMap(untidy);
  if (user?.usedBytes !== bytes) found.push(`${user?.usedBytes} bytes are counted, there are ${bytes}`);
  if (user?.claims?.length) found.push('the account has claims');
  const known = await blobs.find().lean();
  for (const { _id, refCount, claims } of known) {
    const count = contents.filter(({ blob }) => blob?.equals(_id)).length;
    if (refCount !== count) found.push(`${refCount} references are counted, there are ${count}`);
    if (claims?.length) found.push('a blob has claims');
  }
  const isKnown = (id: ObjectId | undefined) => known.some(({ _id }) => id?.equals(_id));
  if (!contents.every(({ blob }) => isKnown(blob))) found.push('a content has no blob');
  const draft = { versionOf: { $exists: true }, quarantinedAt: { $exists: false } };
  if (await files.exists(draft)) found.push('a draft is left');
  return found;
}

/** What is left in a file of something that has ended. */
function untidy({ incomingContents, versions = [], contents = [], contentId }: StoredFile): string[] {
  const named = [contentId, ...versions.map(({ _id }) => _id)].map(String);
  return [
    ...(incomingContents?.length ? ['a file waits for uploads that ended'] : []),
    ...(versions.some(({ purgingAt }) => purgingAt) ? ['a version is being removed'] : []),
    ...(contents.some((id) => !named.includes(String(id))) ? ['a file names a content that it has not'] : []),
  ];
}
