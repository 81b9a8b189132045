import type { Area } from '../../blobs/blob-store.ts';
import { cipherSize } from '../../encryption/segments.ts';
import type { Blob } from '../../models/blob.ts';
import type { Collections } from '../../models/collections.ts';
import { NEVER } from '../../models/file.ts';
import type { Expression, ObjectId } from '../../models/object-id.ts';
import type { Place } from '../../models/place.ts';
import { isKept } from '../copies/kept-blobs.ts';

/** What an object is to the document that names it; `leaving`: of a blob that is being deleted. */
export type PlaceRole = 'primary' | 'replica' | 'preview' | 'leftover' | 'leaving' | 'upload';

/** An object that the database says lies at a provider. */
export interface NamedPlace {
  readonly key: string;
  readonly role: PlaceRole;
  readonly location: string;
  /** Of a copy or a preview: its blob, and how many bytes it must have. */
  readonly blob?: ObjectId;
  readonly size?: number;
  /** Whether the blob was given up as lost. */
  readonly lost?: boolean;
  readonly isEncrypted?: boolean;
}

const BATCH = 1000;
const CURSOR_NOT_FOUND = 43;

/**
 * Every object that a document names at this provider, ascending by key: copies, previews and leftovers of blobs, and what unfinished
 * uploads write. One area of keys at a time, as a store lists them.
 *
 * It costs one pass over the blobs and one sort of about 150 bytes for each name: of 10 million blobs with a copy each the
 * database reads some 5 GB, sorts 1.5 GB for each provider on its own disk in runs of 100 MB, and then streams; a minute
 * or two. Walking the index of keys instead would fetch 10 million documents in random order.
 */
export async function* placesAt(
  { blobs, files }: Pick<Collections, 'blobs' | 'files'>,
  provider: string,
  area: Area | null,
): AsyncGenerator<NamedPlace> {
  let after = '';
  for (;;) {
    const options = { allowDiskUse: true, batchSize: BATCH };
    const cursor =
      area === null
        ? blobs.collection.aggregate<NamedPlace>(
            placesOfBlobs(provider, { $gt: after, $not: /\// }, files.collection.collectionName),
            options,
          )
        : files.collection.aggregate<NamedPlace>(
            [...directUploads(provider, { $gt: after, $regex: `^${area}/` }), { $sort: { key: 1 } }],
            options,
          );
    try {
      for await (const place of cursor) {
        yield place.isEncrypted ? { ...place, size: cipherSize(place.size ?? 0) } : place;
        after = place.key;
      }
      return;
    } catch (error) {
      // The server forgets a cursor that was not asked for ten minutes, as when many objects in a row have no name.
      if ((error as { code?: number }).code !== CURSOR_NOT_FOUND) throw error;
    } finally {
      await cursor.close();
    }
  }
}

/** The blob’s role for an object, by its document as it is now; null when it is not, or no more, a copy. */
export function roleOf(
  blob: Pick<Blob, 'key' | 'provider' | 'live' | 'refCount' | 'replicas'>,
  place: Pick<Place, 'key' | 'provider'>,
): 'primary' | 'replica' | null {
  const isIt = ({ provider, key }: Pick<Place, 'key' | 'provider'>) =>
    provider === place.provider && key === place.key;
  if (!isKept(blob)) return null;
  if (isIt(blob)) return 'primary';
  return blob.replicas?.some(isIt) ? 'replica' : null;
}

/** Whether any document names the object now, as whatever. */
export async function isNamed(
  { blobs, files }: Pick<Collections, 'blobs' | 'files'>,
  { provider, key }: Pick<Place, 'key' | 'provider'>,
): Promise<boolean> {
  const named = { $elemMatch: { provider, key } };
  const queries = [
    // An upload first: its key goes from the file to the blob, so whoever looks in this order meets it in one of them.
    () => files.exists({ heartbeatAt: { $gt: NEVER }, uploadKey: key }),
    () => files.exists({ heartbeatAt: { $gt: NEVER }, 'direct.keys': key }),
    () => blobs.exists({ key, provider }),
    () => blobs.exists({ 'replicas.key': key, replicas: named }),
    // A preview becomes a leftover, and the other way round.
    () => blobs.exists({ 'previews.key': key, previews: named }),
    () => blobs.exists({ 'leftovers.deleteAfter': { $exists: true }, leftovers: named }),
    () => blobs.exists({ 'previews.key': key, previews: named }),
    // A leftover may have become a copy since these were asked for.
    () => blobs.exists({ key, provider }),
    () => blobs.exists({ 'replicas.key': key, replicas: named }),
  ];
  for (const query of queries) if (await query()) return true;
  return false;
}

const fieldsOf = (from: string) => ({
  key: `$${from}.key`,
  role: `$${from}.role`,
  location: `$${from}.location`,
});

const placesOfBlobs = (provider: string, key: object, files: string): Expression[] => [
  {
    $project: {
      size: 1,
      lost: { $gt: ['$lostAt', null] },
      isEncrypted: { $gt: ['$encryption', null] },
      place: PLACES,
    },
  },
  { $unwind: '$place' },
  { $match: { 'place.provider': provider, 'place.key': key } },
  {
    $project: {
      ...{ _id: 0, blob: '$_id', lost: 1, ...fieldsOf('place') },
      size: { $ifNull: ['$place.size', '$size'] },
      isEncrypted: { $ifNull: ['$place.isEncrypted', '$isEncrypted'] },
    },
  },
  { $unionWith: { coll: files, pipeline: uploads(provider, key) } },
  { $sort: { key: 1 } },
];

// One that is not live may yet serve files: only without a reference is it being deleted.
const roleUnlessLeaving = (role: PlaceRole): Expression => ({
  $cond: [{ $or: ['$live', { $gt: ['$refCount', 0] }] }, role, 'leaving'],
});

const each = (field: string, role: PlaceRole, own: Record<string, Expression | string> = {}): Expression => ({
  $map: {
    input: { $ifNull: [`$${field}`, []] },
    in: {
      provider: '$$this.provider',
      location: '$$this.location',
      key: '$$this.key',
      role: roleUnlessLeaving(role),
      ...own,
    },
  },
});

const PLACES: Expression = {
  $concatArrays: [
    [
      {
        provider: '$provider',
        location: '$location',
        key: '$key',
        role: roleUnlessLeaving('primary'),
      },
    ],
    each('replicas', 'replica'),
    each('previews', 'preview', {
      size: '$$this.bytes',
      isEncrypted: { $gt: ['$$this.encryption', null] },
    }),
    each('leftovers', 'leftover'),
  ],
};

const uploads = (provider: string, key: object): Expression[] => [
  { $match: { heartbeatAt: { $gt: NEVER }, storageProvider: provider, uploadKey: key } },
  { $project: { _id: 0, key: '$uploadKey', location: '$storageLocation', role: { $literal: 'upload' } } },
];

const directUploads = (provider: string, key: object): Expression[] => [
  { $match: { heartbeatAt: { $gt: NEVER }, 'direct.provider': provider } },
  { $unwind: '$direct.keys' },
  { $match: { 'direct.keys': key } },
  { $project: { _id: 0, key: '$direct.keys', location: '$storageLocation', role: { $literal: 'upload' } } },
];
