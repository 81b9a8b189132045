import { Readable } from 'node:stream';
import { expect } from 'vitest';
import type { Wired } from '../../../src/app/services.ts';
import type { Collections } from '../../../src/models/collections.ts';
import { NameCollision } from '../../../src/models/name-collision.ts';
import { countReferences } from '../../../src/services/versions/contents.ts';
import type { Viewer } from '../../../src/services/viewer.ts';

/** Every query of versions and copies, each at least once. */
export async function askVersions(
  { services, downloads }: Wired,
  { files }: Pick<Collections, 'files'>,
  viewer: Viewer,
): Promise<void> {
  const incoming = (content: string) => ({
    open: async () => ({
      ...{ filename: 'versions.txt', mimeType: 'text/plain', stream: Readable.from([Buffer.from(content)]) },
    }),
  });
  const { signal } = new AbortController();
  const file = await services.uploads.upload(viewer, incoming('v1'), {}, signal);
  const over = (content: string) =>
    services.versionUploads.upload(viewer, file.id, incoming(content), {}, signal);
  for (const content of ['v2', 'v2', 'v3', 'v4']) await over(content);
  const [versions = []] = await services.versionReader.ofFiles([file.id]);
  const [newest, second, oldest] = versions.map(({ id }) => id);
  const url = new URL(services.links.contentUrl(viewer, file.id, 60, 'inline', newest), 'http://x');
  const link = Object.fromEntries(url.searchParams);
  const download = await downloads.authorise({ fileId: file.id, bearer: null, link });
  expect(download.file.fileSize).toBe(2);
  (await downloads.open(download.file)).destroy();
  await services.versions.restore(viewer, file.id, second ?? '');
  await services.versions.remove(viewer, file.id, oldest ?? '');
  const copy = await services.copies.copy(viewer, file.id, { onCollision: NameCollision.RENAME });
  expect(await countReferences(files, copy.blob as NonNullable<typeof copy.blob>)).toBe(2);
  await services.files.remove(viewer, file.id);
  await services.files.remove(viewer, copy.id);
}
