import { isBlobKey } from '../blob-store.ts';
import type { S3Bucket, Unfinished } from './bucket.ts';

const MOST_TRIES = 3;

/** Ends a multipart upload and removes its parts, those too that arrived meanwhile; whether there was such an upload. */
export async function abortUpload(bucket: S3Bucket, key: string, uploadId: string): Promise<boolean> {
  const wasThere = await bucket.abortUpload(key, uploadId);
  // A part that was on its way may outlive the upload: then it has to be ended once more.
  for (let tries = 1; tries < MOST_TRIES && (await bucket.parts(key, uploadId)); tries += 1) {
    await bucket.abortUpload(key, uploadId);
  }
  return wasThere;
}

/** Ends every multipart upload of a key. */
export async function abortUploadsOf(bucket: S3Bucket, key: string): Promise<void> {
  for await (const upload of unfinishedUploads(bucket, key)) {
    if (upload.key === key) await abortUpload(bucket, key, upload.uploadId);
  }
}

/** Ends the uploads that nobody touched since `before`, or only counts them; resolves with how many there were. */
export async function sweepUploads(bucket: S3Bucket, before: Date, countOnly: boolean): Promise<number> {
  let swept = 0;
  for await (const upload of unfinishedUploads(bucket, '')) {
    const { key, uploadId, begunAt } = upload;
    if (!isBlobKey(key) || begunAt >= before || (await isTouchedSince(before, bucket, upload))) continue;
    // One that was completed meanwhile is no longer unfinished.
    if (countOnly || (await abortUpload(bucket, key, uploadId))) swept += 1;
  }
  return swept;
}

async function* unfinishedUploads(bucket: S3Bucket, prefix: string): AsyncGenerator<Unfinished> {
  let page = await bucket.uploads(prefix);
  yield* page.entries;
  while (page.next) {
    page = await bucket.uploads(prefix, page.next);
    yield* page.entries;
  }
}

async function isTouchedSince(time: Date, bucket: S3Bucket, { key, uploadId }: Unfinished): Promise<boolean> {
  let page = await bucket.parts(key, uploadId);
  while (page) {
    if (page.entries.some(({ LastModified }) => LastModified && LastModified >= time)) return true;
    page = page.next ? await bucket.parts(key, uploadId, page.next) : undefined;
  }
  return false;
}
