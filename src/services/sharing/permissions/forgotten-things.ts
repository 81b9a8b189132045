import type { Collections } from '../../../models/collections.ts';
import type { ObjectId } from '../../../models/object-id.ts';
import { endLinksTo } from '../links/link-end.ts';

/** Where something lies that was given on files and folders. */
export type GivenCollections = Pick<Collections, 'grants' | 'shares' | 'uploadRequests'>;

/** Takes what was given on a file that is being removed: grants go at once, links are still shown for 30 days. */
export async function forgetFile({ grants, shares }: GivenCollections, file: ObjectId): Promise<void> {
  await Promise.all([grants.deleteMany({ target: file }), endLinksTo({ shares }, [file])]);
}

/** The same of folders; upload requests for them go at once, with what is on its way by one. */
export async function forgetFolders(collections: GivenCollections, ids: readonly ObjectId[]): Promise<void> {
  const { grants, uploadRequests } = collections;
  await Promise.all([
    grants.deleteMany({ target: { $in: ids } }),
    endLinksTo(collections, ids),
    uploadRequests.deleteMany({ folder: { $in: ids } }),
  ]);
}
