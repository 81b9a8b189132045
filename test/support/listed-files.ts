import type { Collections } from '../../src/models/collections.ts';
import { FILE_SORT_FIELDS, type FileSortKey, type StoredFile } from '../../src/models/file.ts';
import { StorageProvider, UploadStatus } from '../../src/models/file-enums.ts';
import { ObjectId } from '../../src/models/object-id.ts';
import type { FileOrder } from '../../src/services/files/file-cursors.ts';
import { completion, draftOf } from '../../src/services/files/file-drafts.ts';
import { wordFields } from '../../src/texts/described-words.ts';

/** Numbers from 0 up to 1 that depend on the seed alone (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const STORE = { provider: StorageProvider.LOCAL, location: '/nowhere' };

/** A COMPLETED file’s document as an upload leaves it. */
export function fileOf(owner: ObjectId, name: string, changes: Partial<StoredFile> = {}): StoredFile {
  const blob = changes.blob ?? new ObjectId();
  const draft = draftOf({ owner, folder: null }, name, {}, STORE as never, 'key');
  const { set } = completion(
    { size: 1, hash: '0'.repeat(64), mimeType: 'text/plain' },
    { _id: blob, ...STORE },
  );
  const { uploadKey: _key, heartbeatAt: _beat, ...kept } = { ...draft, ...set };
  const file = { ...kept, ...changes };
  return { ...file, ...wordFields(file) } as unknown as StoredFile;
}

/** Stores documents as they are. */
export async function insert(collections: Collections, files: readonly StoredFile[]): Promise<void> {
  await collections.files.collection.insertMany([...files] as never);
}

const DAY = 24 * 60 * 60 * 1000;
/** The moments that generated files were made and changed at. */
export const DAYS = [1, 2, 3, 4].map((day) => new Date(Date.UTC(2026, 0, day)));
const NAMES = ['a.txt', 'A.txt', 'b.png', 'Ä.png', 'é.gif', 'Z', '10', '9', '東京.pdf', '🙂.jpg'];
const TYPES = ['image/png', 'image/jpeg', 'imagex/png', 'image', 'text/plain', 'application/pdf'];
const SIZES = [0, 1, 1000, 2 ** 31, 2 ** 33 + 1, Number.MAX_SAFE_INTEGER];
const TAGS = ['work', 'home', 'Work', 'wörk', 'a b'];
const EXPIRIES = [null, null, null, new Date(Date.now() - DAY), new Date(Date.now() + DAY)];
const STATUSES = [...Array(9).fill(UploadStatus.COMPLETED), UploadStatus.UPLOADING, UploadStatus.FAILED];

/** Files of every kind a list can meet, with few distinct values in every field that lists are ordered by. */
export function generateFiles(owners: readonly ObjectId[], count: number, seed: number): StoredFile[] {
  const random = seeded(seed);
  const chance = (probability: number) => random() < probability;
  const one = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  return Array.from({ length: count }, () => {
    const isDeleted = chance(0.25);
    return fileOf(one(owners), one(NAMES), {
      createdAt: one(DAYS),
      updatedAt: one(DAYS),
      fileSize: one(SIZES),
      downloadCount: one([0, 1, 2]),
      mimeType: one(TYPES),
      tags: TAGS.filter(() => chance(0.4)),
      isPublic: chance(0.5),
      isDeleted,
      deletedAt: isDeleted ? one(DAYS) : null,
      expiryDate: one(EXPIRIES),
      uploadStatus: one(STATUSES),
      access: { canView: chance(0.9), canDownload: true, canShare: true, canDelete: true },
    });
  }).sort(() => random() - 0.5);
}

type ListOrder = FileOrder & { readonly field: FileSortKey };

/** Every order a list can have. */
export const ORDERS: readonly ListOrder[] = Object.values(FILE_SORT_FIELDS).flatMap((field) =>
  ([1, -1] as const).map((direction) => ({ field, direction })),
);

/** The ids in the order that the list promises: by the field, texts by their bytes, equal values by id. */
export function inOrder(files: readonly StoredFile[], { field, direction }: ListOrder): string[] {
  return [...files]
    .sort((a, b) => direction * (compare(a[field], b[field]) || compare(String(a._id), String(b._id))))
    .map(({ _id }) => String(_id));
}

function compare(a: StoredFile[FileSortKey], b: StoredFile[FileSortKey]): number {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return Number(a) - Number(b);
}
