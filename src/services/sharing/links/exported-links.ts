import type { Collections } from '../../../models/collections.ts';
import type { ObjectId } from '../../../models/object-id.ts';
import type { ShareLink } from '../../../models/share-link.ts';

// As few at once as also a slow reader takes before the cursor ends.
const BATCH = { batchSize: 100 };

/** The links that an account made, as an export tells it: neither their addresses nor their passwords can be told. */
export async function* linksMadeBy(
  { shares }: Pick<Collections, 'shares'>,
  userId: ObjectId,
): AsyncGenerator<object> {
  const made = shares.find({ createdBy: userId }, {}, BATCH).sort({ _id: -1 }).hint('made_by');
  for await (const link of made.lean<ShareLink[]>()) {
    const { _id, kind, target, allowDownload, downloads, opens, createdAt, updatedAt } = link;
    yield {
      ...{ id: _id, kind, target, hasPassword: Boolean(link.passwordHash), note: link.note ?? null },
      ...{ expiresAt: link.expiresAt ?? null, maxDownloads: link.maxDownloads ?? null, allowDownload },
      ...{ downloads, opens, lastOpenedAt: link.lastOpenedAt ?? null, revokedAt: link.revokedAt ?? null },
      ...{ createdAt, updatedAt },
    };
  }
}
