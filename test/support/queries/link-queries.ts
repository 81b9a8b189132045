import type { Wired } from '../../../src/app/services.ts';
import type { Collections } from '../../../src/models/collections.ts';
import type { StoredFile } from '../../../src/models/file.ts';
import { ShareKind } from '../../../src/models/grant.ts';
import { linksMadeBy } from '../../../src/services/sharing/links/exported-links.ts';
import { endLinksTo, removeEndedLinks } from '../../../src/services/sharing/links/link-end.ts';
import type { Viewer } from '../../../src/services/viewer.ts';

const VISITOR = { ip: '192.0.2.7', userAgent: 'test', isBot: false };

/** Makes every query that share links make, of those who make them and of those who open them. */
export async function askLinks(
  { services: { sharing } }: Wired,
  collections: Collections,
  viewer: Viewer,
  file: StoredFile,
): Promise<void> {
  const { links, listing, visits, access, contents } = sharing;
  const folder = await collections.folders.create({
    ...{ userId: viewer.userId, name: 'linked', nameKey: 'linked', parent: null, isDeleted: false },
  });
  const folderId = folder._id.toHexString();
  const toFile = await links.make(viewer, ShareKind.FILE, file.id, { maxDownloads: 1 });
  const toFolder = await links.make(viewer, ShareKind.FOLDER, folderId);
  for (const criteria of [{}, { fileId: file.id }, { folderId }]) {
    const page = await listing.page(viewer, criteria, { first: 1 });
    await page.count();
    const [first] = page.nodes;
    await listing.page(viewer, criteria, { after: first ? page.cursor(first) : null });
  }
  await listing.events(toFile, { first: 1 });
  await links.update(viewer, toFile.id, { note: 'new' });
  const visit = await visits.look({ token: toFolder.token }, VISITOR, { first: 1 });
  await visits.look({ token: toFolder.token }, VISITOR, { folderId });
  for (const entry of [
    { kind: ShareKind.FILE as const, thing: file },
    { kind: ShareKind.FOLDER as const, thing: Object.assign(folder.toObject(), { id: folderId }) },
  ]) {
    const after = visit.kind === ShareKind.FOLDER ? visit.page.cursor(entry) : null;
    await visits.look({ token: toFolder.token }, VISITOR, { after });
  }
  const entered = await access.enter({ token: toFile.token });
  const content = await contents.authorise(entered, VISITOR);
  for (const range of [undefined, { start: 1, end: 1 }]) (await contents.open(content, range)).destroy();
  await contents.requireLeft({ ...toFile, downloads: 1 }, VISITOR).catch(() => undefined);
  await access.stillWorks(toFile);
  for await (const _link of linksMadeBy(collections, viewer.userId));
  await links.revoke(viewer, toFile.id);
  await endLinksTo(collections, [file._id]);
  await removeEndedLinks(collections, new Date());
}
