import type { Collections } from '../../models/collections.ts';
import { LISTED } from '../../models/file.ts';
import type { Viewer } from '../viewer.ts';

/** Sums over one account’s files; bytes. */
export interface StorageSummary {
  readonly totalFiles: number;
  readonly totalBytes: number;
  /** Of earlier contents, the trash included. */
  readonly versionBytes: number;
  /** What the account’s contents take up, earlier ones too: equal contents count once. */
  readonly storedBytes: number;
  readonly trashedFiles: number;
  readonly trashedBytes: number;
  readonly byMimeFamily: { family: string; files: number; bytes: number }[];
}

interface ContentSum {
  _id: { family: string; isDeleted: boolean; isEarlier: boolean; blob: unknown };
  files: number;
  bytes: number;
  size: number;
}

/** Sums up what the viewer stores, the trash apart. */
export async function storageSummary(files: Collections['files'], viewer: Viewer): Promise<StorageSummary> {
  const families = new Map<string, { family: string; files: number; bytes: number }>();
  const seen = new Set<string>();
  const sum = {
    totalFiles: 0,
    totalBytes: 0,
    storedBytes: 0,
    trashedFiles: 0,
    trashedBytes: 0,
    versionBytes: 0,
  };
  const contents = files.aggregate<ContentSum>([
    { $match: { userId: viewer.userId, isDeleted: { $in: [false, true] }, ...LISTED } },
    { $project: { mimeType: 1, isDeleted: 1, content: CONTENTS } },
    { $unwind: '$content' },
    {
      $group: {
        _id: {
          family: { $first: { $split: ['$mimeType', '/'] } },
          isDeleted: '$isDeleted',
          isEarlier: '$content.isEarlier',
          blob: '$content.blob',
        },
        files: { $sum: 1 },
        bytes: { $sum: '$content.size' },
        size: { $first: '$content.size' },
      },
    },
  ]);
  for await (const { _id, files, bytes, size } of contents) {
    if (!seen.has(String(_id.blob))) sum.storedBytes += size;
    seen.add(String(_id.blob));
    if (_id.isEarlier) {
      sum.versionBytes += bytes;
      continue;
    }
    if (_id.isDeleted) {
      sum.trashedFiles += files;
      sum.trashedBytes += bytes;
      continue;
    }
    sum.totalFiles += files;
    sum.totalBytes += bytes;
    const family = families.get(_id.family) ?? { family: _id.family, files: 0, bytes: 0 };
    families.set(_id.family, {
      family: _id.family,
      files: family.files + files,
      bytes: family.bytes + bytes,
    });
  }
  return {
    ...sum,
    byMimeFamily: [...families.values()].sort((a, b) => b.bytes - a.bytes || (a.family < b.family ? -1 : 1)),
  };
}

const CONTENTS = {
  $concatArrays: [
    [{ blob: '$blob', size: '$fileSize', isEarlier: false }],
    {
      $map: {
        input: { $ifNull: ['$versions', []] },
        in: { blob: '$$this.blob', size: '$$this.fileSize', isEarlier: true },
      },
    },
  ],
};
