import type { Readable } from 'node:stream';
import type { GoogleAuth } from 'google-auth-library';
import { z } from 'zod';
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
import { GcsConnection } from './gcs/connection.ts';
import { credentialsOf } from './gcs/credentials.ts';
import { gcsFailure, rethrow } from './gcs/errors.ts';
import { carry, GcsObjects, type ObjectResource, toldBy } from './gcs/objects.ts';
import { type Grant, signedUrl } from './gcs/signing.ts';
import { probe, QUANTUM, Upload } from './gcs/upload.ts';
import { givenPart, rangeHeader } from './ranges.ts';
import { noSuchBlob } from './storage-failure.ts';
import { BodyReader } from './transfer/body-reader.ts';
import { takeIn } from './transfer/intake.ts';
import { endpoint, transferEnv } from './variables.ts';

const GOOGLE = 'https://storage.googleapis.com';

/** The variables of this provider. */
export const env = {
  GCP_PROJECT_ID: z.string().optional().describe('The project; without it that of the credentials.'),
  GCP_BUCKET: z.string().optional().describe('The bucket; it must exist.'),
  GCP_KEY_FILE: z
    .string()
    .optional()
    .describe('The file of a service account’s key; without it the application default credentials.'),
  GCP_API_ENDPOINT: endpoint
    .optional()
    .describe(
      'The address of a server that speaks the API of Google Cloud Storage; without it Google itself.',
    ),
  ...transferEnv,
};

/** The values of this provider’s variables. */
export type Settings = z.infer<z.ZodObject<typeof env>>;

/** What the variables still lack for this provider to be used; one sentence each, beginning with the variable. */
export function problems(settings: Settings): string[] {
  return settings.GCP_BUCKET ? [] : ['GCP_BUCKET must be set for the provider gcp'];
}

/** Opens a bucket of Google Cloud Storage; rejects with STORAGE_UNAVAILABLE if the credentials cannot be read. */
export async function open(settings: Settings): Promise<DirectStore> {
  const { GCP_BUCKET: name = '', GCP_KEY_FILE: file, GCP_PROJECT_ID: projectId } = settings;
  const endpoint = (settings.GCP_API_ENDPOINT ?? GOOGLE).replace(/\/+$/, '');
  const timeoutMs = settings.STORAGE_TIMEOUT_SECONDS * 1_000;
  try {
    const auth = await credentialsOf({ file, projectId }, timeoutMs);
    const connection = new GcsConnection(endpoint, auth, timeoutMs, settings.STORAGE_CONNECTIONS);
    const { Storage } = await import('@google-cloud/storage');
    const storage = new Storage({ authClient: auth, ...(projectId && { projectId }) });
    carry(storage, connection, endpoint);
    const objects = new GcsObjects(storage.bucket(name), connection, endpoint);
    const chunkSize = Math.ceil(settings.STORAGE_PART_SIZE / QUANTUM) * QUANTUM;
    return new GcsStore(name, objects, connection, auth, chunkSize);
  } catch (error) {
    throw gcsFailure(error);
  }
}

class GcsStore implements DirectStore {
  readonly provider = 'gcp';
  readonly location: string;
  readonly #objects: GcsObjects;
  readonly #connection: GcsConnection;
  readonly #auth: GoogleAuth;
  readonly #chunkSize: number;

  constructor(
    bucket: string,
    objects: GcsObjects,
    connection: GcsConnection,
    auth: GoogleAuth,
    chunkSize: number,
  ) {
    this.location = bucket;
    this.#objects = objects;
    this.#connection = connection;
    this.#auth = auth;
    this.#chunkSize = chunkSize;
  }

  async put(key: string, source: Readable, { signal }: PutOptions = {}): Promise<number> {
    admitPut(key, source, signal);
    const options = { partSize: this.#chunkSize, partsInFlight: 1, signal };
    return takeIn(source, options, (intake) => new Upload(this.#objects, key, intake));
  }

  async open(key: string, range?: ByteRange): Promise<OpenBlob> {
    requireKey(key);
    const wanted = range && rangeHeader(range);
    const stream = await this.#objects.download(key, wanted).catch((error) => this.#explain(error));
    const stop = () => stream.destroy();
    try {
      const { start, end, size } = givenPart(toldBy(stream), range);
      const reading = { length: end - start + 1, timeoutMs: this.#connection.timeoutMs };
      return { size, stream: new BodyReader({ stream, stop }, reading) };
    } catch (error) {
      stop();
      throw error;
    }
  }

  async stat(key: string): Promise<BlobEntry> {
    requireKey(key);
    return entryOf(await this.#objects.tell(key).catch((error) => this.#explain(error)));
  }

  async delete(key: string): Promise<void> {
    requireKey(key);
    await this.#objects.remove(key).catch(rethrow);
  }

  async *list(prefix = ''): AsyncGenerator<BlobEntry> {
    let pageToken: string | undefined;
    do {
      const page = await this.#objects.page(prefix, pageToken).catch(rethrow);
      for (const told of page.items) if (isListed(told.name, prefix)) yield entryOf(told);
      pageToken = page.nextPageToken;
    } while (pageToken);
  }

  /**
   * Resolves with 0: Google neither tells which uploads are unfinished nor counts them as objects, and forgets each by
   * itself a week after it was begun.
   */
  async sweepUnfinished(): Promise<number> {
    return 0;
  }

  async check(): Promise<void> {
    await probe(this.#objects, newBlobKey('incoming')).catch(rethrow);
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  async downloadUrl(key: string, grant: DownloadGrant): Promise<string> {
    requireKey(key);
    const { expiresInSeconds, contentType, contentDisposition } = grant;
    const query = {
      'response-content-type': contentType,
      'response-content-disposition': contentDisposition,
    };
    return this.#sign({ method: 'GET', url: this.#objects.address(key), expiresInSeconds, query });
  }

  async uploadAddress(key: string, { expiresInSeconds, size }: UploadGrant): Promise<UploadAddress> {
    requireKey(key);
    const headers = { 'x-goog-content-length-range': `${size},${size}` };
    const url = await this.#sign({
      method: 'PUT',
      url: this.#objects.address(key),
      expiresInSeconds,
      headers,
    });
    return { method: 'PUT', url, headers };
  }

  async #sign(grant: Grant): Promise<string> {
    return signedUrl(this.#auth, grant).catch((error) => {
      throw error instanceof RangeError ? error : gcsFailure(error);
    });
  }

  async #explain(error: unknown): Promise<never> {
    const absent = await this.#objects.isAbsence(error).catch(rethrow);
    throw absent ? noSuchBlob(error) : gcsFailure(error);
  }
}

function entryOf({ name, size, updated }: ObjectResource): BlobEntry {
  return { key: name, size: Number(size), modifiedAt: new Date(updated) };
}
