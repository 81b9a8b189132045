import type { BlockBlobClient } from '@azure/storage-blob';
import { hasCode } from '../../errors.ts';
import { newUploadId, readBlockId } from './block-ids.ts';
import type { Calls } from './calls.ts';

/** One key in the container, and how it is asked about. */
export interface Target {
  readonly blob: BlockBlobClient;
  /** For what carries contents. */
  readonly sending: Calls;
  /** For everything that is soon answered. */
  readonly asking: Calls;
}

/** What lies under a key. */
export interface Found {
  etag: string;
  size: number;
  modifiedAt: Date;
  /** The upload that wrote it, where it was one of ours. */
  upload: string | undefined;
  isRemnant: boolean;
}

const UPLOAD = 'imaginaryupload';
const REMNANT = 'imaginaryremnant';

type Metadata = Record<string, string> | undefined;

/** The metadata of an object that an upload writes. */
export const markOf = (upload: string) => ({ [UPLOAD]: upload });

/**
 * Whether an object is no blob but only what is left of an upload that was given up; it lives for a moment, and
 * every reader takes it for absent.
 */
export const isRemnant = (metadata: Metadata) => metadata?.[REMNANT] !== undefined;

/** Resolves with what lies under the key, remnants included; null if nothing does. */
export async function look({ blob, asking }: Target, signal?: AbortSignal): Promise<Found | null> {
  const answer = asking.make((attempt) => blob.getProperties({ abortSignal: attempt.signal }), signal);
  const told = await orNull(answer, 'NOT_FOUND');
  if (!told) return null;
  return {
    etag: told.etag ?? '',
    size: told.contentLength ?? 0,
    modifiedAt: told.lastModified ?? new Date(0),
    upload: told.metadata?.[UPLOAD],
    isRemnant: isRemnant(told.metadata),
  };
}

/** Removes whatever lies under the key; nothing is success. */
export async function remove({ blob, asking }: Target): Promise<void> {
  const removing = asking.make((attempt) =>
    blob.delete({ abortSignal: attempt.signal, deleteSnapshots: 'include' }),
  );
  await orNull(removing, 'NOT_FOUND');
}

/** Removes exactly this object; one that is gone, or another one under the same key, is left as it is. */
async function removeExactly({ blob, asking }: Target, etag: string, signal?: AbortSignal) {
  const removing = asking.make(
    (attempt) => blob.delete({ abortSignal: attempt.signal, conditions: { ifMatch: etag } }),
    signal,
  );
  await orNull(removing, 'NOT_FOUND', 'CONFLICT');
}

/** Removes the object under the key if this upload wrote it. */
export async function removeOwn(target: Target, upload: string, signal?: AbortSignal): Promise<void> {
  const found = await look(target, signal);
  if (found?.upload === upload) await removeExactly(target, found.etag, signal);
}

/** The blocks under the key that are part of no object, by their uploads and times; null for ids that are not ours. */
export async function looseBlocks({ blob, asking }: Target, signal?: AbortSignal) {
  const answer = asking.make(
    (attempt) => blob.getBlockList('uncommitted', { abortSignal: attempt.signal }),
    signal,
  );
  const told = await orNull(answer, 'NOT_FOUND');
  return (told?.uncommittedBlocks ?? []).map(({ name }) => readBlockId(name));
}

/**
 * Removes the blocks under a key that has no object. The service does that only when an object is written there, so an
 * empty remnant is, unless there is an object by then, and is removed at once.
 */
export async function dropBlocks(target: Target, upload: string, signal?: AbortSignal): Promise<void> {
  const { blob, asking } = target;
  const writing = asking.make(
    (attempt) =>
      blob.commitBlockList([], {
        abortSignal: attempt.signal,
        conditions: { ifNoneMatch: '*' },
        metadata: { ...markOf(upload), [REMNANT]: 'true' },
      }),
    signal,
  );
  await orNull(writing, 'CONFLICT');
  await removeOwn(target, upload, signal);
}

/**
 * Removes what an upload left under a key, or only looks, if nobody touched it since `before`; resolves with whether
 * there was such a thing. `listedAt` stands for the times of blocks that do not tell theirs.
 */
export async function sweepUpload(target: Target, listedAt: Date, before: Date, countOnly: boolean) {
  const found = await look(target);
  if (found) {
    if (!found.isRemnant || found.modifiedAt >= before) return false;
    if (!countOnly) await removeExactly(target, found.etag);
    return true;
  }
  const blocks = await looseBlocks(target);
  if (blocks.length === 0 || blocks.some((block) => (block?.at ?? listedAt) >= before)) return false;
  if (!countOnly) await dropBlocks(target, newUploadId());
  return true;
}

async function orNull<T>(answer: Promise<T>, ...codes: ('NOT_FOUND' | 'CONFLICT')[]): Promise<T | null> {
  return answer.catch((error) => {
    if (codes.some((code) => hasCode(error, code))) return null;
    throw error;
  });
}
