import type { Readable } from 'node:stream';
import { z } from 'zod';
import { hasCode } from '../errors.ts';
import { admitPut, requireKey } from './admission.ts';
import {
  type BlobEntry,
  type ByteRange,
  type DirectStore,
  type DownloadGrant,
  isListed,
  newBlobKey,
  type OpenBlob,
  type PutOptions,
  type UploadAddress,
  type UploadGrant,
} from './blob-store.ts';
import { givenPart, rangeHeader } from './ranges.ts';
import { type Encryption, S3Bucket } from './s3/bucket.ts';
import { markOf, ObjectWriter } from './s3/object-writer.ts';
import { openSigning, type Signing } from './s3/signing.ts';
import { abortUpload, sweepUploads } from './s3/unfinished-uploads.ts';
import { unavailable } from './storage-failure.ts';
import { BodyReader } from './transfer/body-reader.ts';
import { takeIn } from './transfer/intake.ts';
import { partSizeFor } from './transfer/part-size.ts';
import { endpoint, flag, transferEnv } from './variables.ts';

const MOST_PARTS = 10_000;

/** The variables of this provider. */
export const env = {
  AWS_ACCESS_KEY_ID: z
    .string()
    .optional()
    .describe('The access key; without it the default credential chain of AWS decides.'),
  AWS_SECRET_ACCESS_KEY: z.string().optional().describe('The secret of the access key.'),
  AWS_REGION: z.string().prefault('us-east-1').describe('The region of the bucket.'),
  AWS_S3_BUCKET: z.string().optional().describe('The bucket; it must exist.'),
  AWS_S3_ENDPOINT: endpoint.optional().describe('The address of a compatible server; without it AWS itself.'),
  AWS_S3_FORCE_PATH_STYLE: flag
    .prefault('false')
    .describe('Whether the bucket stands in the path instead of the host, as most compatible servers need.'),
  AWS_S3_SSE: z
    .string()
    .regex(/^(?:AES256|aws:kms(?::dsse)?(?:=.+)?)$/, 'must be AES256, aws:kms or aws:kms=<key id>')
    .optional()
    .describe('The encryption that S3 is told to use: `AES256`, `aws:kms` or `aws:kms=<key id>`.'),
  ...transferEnv,
};

/** The values of this provider’s variables. */
export type Settings = z.infer<z.ZodObject<typeof env>>;

/** What the variables still lack for this provider to be used; one sentence each, beginning with the variable. */
export function problems(settings: Settings): string[] {
  const found: string[] = [];
  if (!settings.AWS_S3_BUCKET) found.push('AWS_S3_BUCKET must be set for the provider aws');
  if (!settings.AWS_ACCESS_KEY_ID !== !settings.AWS_SECRET_ACCESS_KEY) {
    found.push('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set together');
  }
  return found;
}

/** Opens a bucket of S3 or of a compatible server; it is first asked for something when it is used. */
export async function open(settings: Settings): Promise<DirectStore> {
  const { AWS_S3_BUCKET: name } = settings;
  if (!name) throw unavailable(new Error('AWS_S3_BUCKET is not set.'));
  const bucket = await S3Bucket.open(name, settings);
  const encryption = encryptionOf(settings.AWS_S3_SSE);
  return new S3Store(bucket, encryption, await openSigning(bucket, encryption), settings);
}

class S3Store implements DirectStore {
  readonly provider = 'aws';
  readonly location: string;
  readonly #bucket: S3Bucket;
  readonly #encryption: Encryption;
  readonly #signing: Signing;
  readonly #settings: Settings;

  constructor(bucket: S3Bucket, encryption: Encryption, signing: Signing, settings: Settings) {
    this.location = bucket.name;
    this.#bucket = bucket;
    this.#encryption = encryption;
    this.#signing = signing;
    this.#settings = settings;
  }

  async put(key: string, source: Readable, { signal, atMost }: PutOptions = {}): Promise<number> {
    admitPut(key, source, signal);
    const { STORAGE_PART_SIZE, STORAGE_PARTS_IN_FLIGHT: partsInFlight } = this.#settings;
    const partSize = partSizeFor(STORAGE_PART_SIZE, atMost, MOST_PARTS);
    const object = { Key: key, Metadata: markOf(), ...this.#encryption };
    const options = { partSize, partsInFlight, signal };
    return takeIn(source, options, (intake) => new ObjectWriter(this.#bucket, object, intake));
  }

  async open(key: string, range?: ByteRange): Promise<OpenBlob> {
    requireKey(key);
    const { stream, ...told } = await this.#bucket.get(key, range && rangeHeader(range));
    const stop = () => stream.destroy();
    try {
      const { start, end, size } = givenPart(told, range);
      const reading = { length: end - start + 1, timeoutMs: this.#bucket.timeoutMs };
      return { size, stream: new BodyReader({ stream, stop }, reading) };
    } catch (error) {
      stop();
      throw error;
    }
  }

  async stat(key: string): Promise<BlobEntry> {
    requireKey(key);
    const head = await this.#bucket.head(key).catch(async (error) => {
      // The answer to HEAD has no body that could tell a missing bucket, which is no proof that the blob is absent.
      if (hasCode(error, 'NOT_FOUND')) await this.#bucket.requirePresence();
      throw error;
    });
    return { key, size: head.ContentLength ?? 0, modifiedAt: head.LastModified ?? new Date(0) };
  }

  async delete(key: string): Promise<void> {
    requireKey(key);
    await this.#bucket.delete(key).catch((error) => {
      if (!hasCode(error, 'NOT_FOUND')) throw error;
    });
  }

  async *list(prefix = ''): AsyncGenerator<BlobEntry> {
    let after: string | undefined;
    do {
      const { entries, next } = await this.#bucket.objects(prefix, after);
      for (const { Key = '', Size = 0, LastModified = new Date(0) } of entries) {
        if (isListed(Key, prefix)) yield { key: Key, size: Size, modifiedAt: LastModified };
      }
      after = next;
    } while (after);
  }

  async sweepUnfinished(before: Date, { countOnly = false } = {}): Promise<number> {
    return sweepUploads(this.#bucket, before, countOnly);
  }

  async check(): Promise<void> {
    await this.#bucket.requirePresence();
    // Needs the right to write, and leaves no object.
    const Key = newBlobKey();
    const { uploadId } = await this.#bucket.createUpload({ Key, Metadata: {}, ...this.#encryption });
    await abortUpload(this.#bucket, Key, uploadId);
  }

  async close(): Promise<void> {
    this.#bucket.close();
  }

  async downloadUrl(key: string, grant: DownloadGrant): Promise<string> {
    requireKey(key);
    return this.#signing.download(key, grant);
  }

  async uploadAddress(key: string, grant: UploadGrant): Promise<UploadAddress> {
    requireKey(key);
    return this.#signing.upload(key, grant);
  }
}

/** `AES256`, `aws:kms`, or `aws:kms=<key id>`. */
function encryptionOf(setting: string | undefined): Encryption {
  if (!setting) return {};
  const [algorithm = '', ...keyId] = setting.split('=');
  return {
    ServerSideEncryption: algorithm as NonNullable<Encryption['ServerSideEncryption']>,
    ...(keyId.length > 0 ? { SSEKMSKeyId: keyId.join('=') } : {}),
  };
}
