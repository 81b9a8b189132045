import { Readable } from 'node:stream';
import type { Wired } from '../../../src/app/services.ts';
import type { Collections } from '../../../src/models/collections.ts';
import { NameCollision } from '../../../src/models/name-collision.ts';
import {
  removeEndedRequests,
  removeRequestsOf,
  requestsMadeBy,
} from '../../../src/services/sharing/requests/request-end.ts';
import type { Viewer } from '../../../src/services/viewer.ts';

/** Makes every query that acts on many files, archives and upload requests make. */
export async function askArchives(
  { services, requests }: Wired,
  collections: Collections,
  viewer: Viewer,
  fileId: string,
): Promise<void> {
  const { bulk, archives, folders, uploadRequests } = services;
  const ids = [fileId];
  await bulk.tag(viewer, ids, { add: ['tag of many'], remove: ['another'] });
  await bulk.tag(viewer, ['f'.repeat(24)], { add: ['tag of many'] });
  const folder = await folders.create(viewer, { name: 'For an archive' }, NameCollision.FAIL);
  await folders.create(viewer, { name: 'Below', parentId: folder.id }, NameCollision.FAIL);
  const link = { signature: undefined };
  const made = await uploadRequests.make(viewer, folder.id, { maxFiles: 1 });
  const { request } = await requests.requestAccess.find(made.token);
  await requests.requestAccess.stillWorks(request);
  const stream = Readable.from([Buffer.from('a drop')], { objectMode: false });
  const content = { filename: 'drop.txt', mimeType: 'text/plain', stream };
  const { id } = await requests.drops.drop(request, content, new AbortController().signal);
  const full = { ...content, stream: Readable.from([]) };
  await requests.drops.drop(request, full, new AbortController().signal).catch(() => undefined);
  await uploadRequests.list(viewer, null, { first: 1 });
  await uploadRequests.list(viewer, folder.id, { first: 1 });
  await uploadRequests.update(viewer, made.id, { maxFiles: 2 });
  await uploadRequests.revoke(viewer, made.id);
  for await (const _ of requestsMadeBy(collections, viewer.userId));
  const bearerless = { bearer: null, link };
  await archives.open({ ...bearerless, ids: [id], folder: null }).catch(() => undefined);
  const url = new URL(archives.url(viewer, { ids: null, folder: folder.id }, 60), 'http://node.test');
  const signed = { bearer: null, link: Object.fromEntries(url.searchParams) };
  const { entries } = await archives.open({ ...signed, ids: null, folder: folder.id });
  for (const { open } of entries) (await open?.())?.destroy();
  await bulk.trash(viewer, [id]);
  await removeEndedRequests(collections, new Date());
  await removeRequestsOf(collections, viewer.userId);
}
