import { finished, type Readable } from 'node:stream';
import type {
  CompletedPart,
  HeadObjectCommandOutput,
  ListObjectsV2CommandOutput,
  ListPartsCommandOutput,
  S3,
  ServerSideEncryption,
} from '@aws-sdk/client-s3';
import type { Told } from '../ranges.ts';
import { unavailable } from '../storage-failure.ts';
import type { Part } from '../transfer/intake.ts';
import { CALLS_AT_ONCE, Slots } from '../transfer/slots.ts';
import { makeClients, type S3Clients, type S3Settings } from './clients.ts';
import { nameOf, rethrow, s3Failure } from './errors.ts';

/** How the service is to encrypt an object. */
export interface Encryption {
  ServerSideEncryption?: ServerSideEncryption;
  SSEKMSKeyId?: string;
}

/** What a new object is made with. */
export interface NewObject extends Encryption {
  Key: string;
  Metadata: Record<string, string>;
}

/** A multipart upload that is neither completed nor aborted. */
export interface Unfinished {
  key: string;
  uploadId: string;
  begunAt: Date;
}

/** One page of a listing, and where the next begins. */
export interface Page<Entry, Marker> {
  entries: Entry[];
  next: Marker | undefined;
}

interface UploadMarker {
  KeyMarker: string | undefined;
  UploadIdMarker: string | undefined;
}

type To = <Input extends object>(input: Input) => Input & { Bucket: string };

// The class is not named Bucket: where a static method uses its own class, TypeScript 7.0.2 also renames property keys of
// that name.

/** The calls that a store makes of one bucket, bounded in time and number; they fail in the terms of a store. */
export class S3Bucket {
  readonly name: string;
  readonly timeoutMs: number;
  readonly #clients: S3Clients;
  readonly #calls: Slots;
  readonly #contents: Slots;
  readonly #downloads: Slots;

  private constructor(name: string, clients: S3Clients, settings: S3Settings) {
    this.name = name;
    this.timeoutMs = settings.STORAGE_TIMEOUT_SECONDS * 1_000;
    this.#clients = clients;
    this.#calls = new Slots(CALLS_AT_ONCE);
    const most = settings.STORAGE_CONNECTIONS;
    this.#contents = new Slots(most);
    // Some are left to uploads: a download lasts as long as its reader likes, who may himself be waiting for one.
    this.#downloads = new Slots(most - Math.floor(most / 8));
  }

  /** Loads the SDK; asks the service for nothing. */
  static async open(name: string, settings: S3Settings): Promise<S3Bucket> {
    return new S3Bucket(name, await makeClients(settings), settings);
  }

  /** The client whose settings sign URLs. */
  get signer(): S3 {
    return this.#clients.calls;
  }

  /** An absent bucket is told as an absent object. */
  async head(key: string, abortSignal?: AbortSignal): Promise<HeadObjectCommandOutput> {
    return this.#call((s3, to) => s3.headObject(to({ Key: key }), options(abortSignal)), abortSignal);
  }

  /** Rejects with STORAGE_UNAVAILABLE where the bucket itself is missing. */
  async requirePresence(): Promise<void> {
    await this.#call((s3, to) => s3.headBucket(to({}))).catch((error) => {
      throw error.code === 'NOT_FOUND' ? unavailable(error.cause) : error;
    });
  }

  /** What the answer to GET tells, and its body, which is destroyed by whoever does not read it to its end. */
  async get(key: string, range?: string): Promise<Told & { stream: Readable }> {
    const release = await this.#takeDownload();
    try {
      const input = { Bucket: this.name, Key: key, ...(range ? { Range: range } : {}) };
      const { Body, ContentLength, ContentRange } = await this.#clients.downloads.getObject(input);
      const stream = Body as Readable;
      // It listens to errors too, which may come before anybody reads.
      finished(stream, release);
      return { contentLength: ContentLength, contentRange: ContentRange, stream };
    } catch (error) {
      release();
      throw s3Failure(error);
    }
  }

  async put(object: NewObject, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const input = { Bucket: this.name, ...object, Body: bytes, IfNoneMatch: '*' };
    await this.#upload((s3) => s3.putObject(input, options(signal)), signal);
  }

  /** Begins a multipart upload; it may not be the only one that the call began where an answer was lost. */
  async createUpload(object: NewObject): Promise<{ uploadId: string; isOnlyOne: boolean }> {
    const { UploadId, $metadata } = await this.#call((s3, to) => s3.createMultipartUpload(to(object)));
    if (!UploadId) throw unavailable(new Error('The new multipart upload has no id.'));
    return { uploadId: UploadId, isOnlyOne: $metadata.attempts === 1 };
  }

  async putPart(key: string, uploadId: string, part: Part, signal: AbortSignal): Promise<CompletedPart> {
    const input = { Bucket: this.name, Key: key, UploadId: uploadId, PartNumber: part.number };
    const { ETag } = await this.#upload(
      (s3) => s3.uploadPart({ ...input, Body: part.bytes }, options(signal)),
      signal,
    );
    if (!ETag) throw unavailable(new Error('The part that was put has no tag.'));
    return { ETag, PartNumber: part.number };
  }

  async completeUpload(key: string, uploadId: string, parts: CompletedPart[], signal: AbortSignal) {
    const input = { Key: key, UploadId: uploadId, MultipartUpload: { Parts: parts }, IfNoneMatch: '*' };
    await this.#call((s3, to) => s3.completeMultipartUpload(to(input), options(signal)));
  }

  /** Whether there was such an upload. */
  async abortUpload(key: string, uploadId: string): Promise<boolean> {
    const aborting = this.#call((s3, to) => s3.abortMultipartUpload(to({ Key: key, UploadId: uploadId })));
    return (await ifThere(aborting)) !== undefined;
  }

  /** A page of the unfinished uploads of keys with this prefix. */
  async uploads(prefix: string, after?: UploadMarker): Promise<Page<Unfinished, UploadMarker>> {
    const answer = await this.#call((s3, to) =>
      s3.listMultipartUploads(to({ ...(prefix ? { Prefix: prefix } : {}), ...after })),
    );
    const { Uploads = [], IsTruncated, NextKeyMarker, NextUploadIdMarker } = answer;
    const entries = Uploads.map(({ Key = '', UploadId = '', Initiated = new Date() }) => ({
      key: Key,
      uploadId: UploadId,
      begunAt: Initiated,
    }));
    const next = IsTruncated ? { KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker } : undefined;
    return { entries, next };
  }

  /** A page of the parts of an unfinished upload; undefined where there is no such upload. */
  async parts(key: string, uploadId: string, after?: string) {
    const input = { Key: key, UploadId: uploadId, ...(after ? { PartNumberMarker: after } : {}) };
    const answer = await ifThere<ListPartsCommandOutput>(this.#call((s3, to) => s3.listParts(to(input))));
    return answer && pageOf(answer.Parts, answer.IsTruncated && answer.NextPartNumberMarker);
  }

  /** A page of the objects whose keys begin with the prefix and have no slash after it, ascending by key. */
  async objects(prefix: string, after?: string) {
    const input = { Prefix: prefix, Delimiter: '/', ...(after ? { ContinuationToken: after } : {}) };
    const answer: ListObjectsV2CommandOutput = await this.#call((s3, to) => s3.listObjectsV2(to(input)));
    return pageOf(answer.Contents, answer.IsTruncated && answer.NextContinuationToken);
  }

  async delete(key: string): Promise<void> {
    await this.#call((s3, to) => s3.deleteObject(to({ Key: key })));
  }

  close(): void {
    const { calls, downloads, uploads } = this.#clients;
    for (const client of [calls, downloads, uploads]) client.destroy();
  }

  async #takeDownload(): Promise<() => void> {
    const giveBack = [await this.#downloads.take(), await this.#contents.take()];
    return () => {
      for (const each of giveBack) each();
    };
  }

  async #call<T>(call: (s3: S3, to: To) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const to: To = (input) => ({ Bucket: this.name, ...input });
    return this.#calls.during(() => call(this.#clients.calls, to), signal).catch(rethrow);
  }

  async #upload<T>(call: (s3: S3) => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#contents.during(() => call(this.#clients.uploads), signal).catch(rethrow);
  }
}

const options = (abortSignal: AbortSignal | undefined) => (abortSignal ? { abortSignal } : {});

function pageOf<Entry>(entries: Entry[] = [], next?: string | false): Page<Entry, string> {
  return { entries, next: next || undefined };
}

async function ifThere<T>(call: Promise<T>): Promise<T | undefined> {
  return call.catch((error) => {
    if (nameOf(error.cause) === 'NoSuchUpload') return undefined;
    throw error;
  });
}
