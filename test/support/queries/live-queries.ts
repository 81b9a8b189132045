import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Wired } from '../../../src/app/services.ts';
import type { Collections } from '../../../src/models/collections.ts';
import { trashExpired } from '../../../src/services/files/expired-files.ts';
import { FolderTree } from '../../../src/services/folders/folder-tree.ts';
import { FileAnnouncements } from '../../../src/services/live/file-announcements.ts';
import { FileEvents } from '../../../src/services/live/file-events.ts';
import { LocalBus } from '../../../src/services/live/live-bus.ts';
import { HeldPermissions } from '../../../src/services/sharing/permissions/held-permissions.ts';
import type { Viewer } from '../../../src/services/viewer.ts';

/** Asks everything of the database that subscriptions ask, for a file that is uploaded under a name. */
export async function askLive({ services }: Wired, collections: Collections, viewer: Viewer): Promise<void> {
  const clientUploadId = randomBytes(6).toString('hex');
  const changes = await services.fileChanges.subscribe(viewer, {});
  const progress = services.uploadProgress.follow(viewer, clientUploadId);
  const stream = Readable.from([randomBytes(8)]);
  const incoming = { open: async () => ({ filename: 'live.bin', mimeType: '', stream }) };
  const { signal } = new AbortController();
  await services.uploads.upload(viewer, incoming, { clientUploadId }, signal);
  const { value } = await changes.next();
  if (!value?.file) throw new Error('The upload was not told.');
  await progress.next();
  await Promise.all([changes.return?.(), progress.return?.()]);
  await services.fileChanges.subscribe(viewer, { folderId: '0'.repeat(24) }).catch(() => undefined);
  await trashExpired(collections.files, null, signal);
  await collections.grants.distinct('grantee', { userId: viewer.userId });

  const events = new FileEvents();
  const access = new HeldPermissions(collections, new FolderTree(collections.folders));
  const parts = { grants: collections.grants, access, events, bus: new LocalBus() };
  const failed = (error: unknown) => {
    throw error;
  };
  new FileAnnouncements({ ...parts, isWanted: () => true, failed });
  await events.tell(value.kind, { ...value.file, userId: viewer.userId });
}
