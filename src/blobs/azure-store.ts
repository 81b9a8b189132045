import type { Readable } from 'node:stream';
import type { BlobItem, ContainerListBlobsOptions } from '@azure/storage-blob';
import { z } from 'zod';
import { admitPut, requireKey } from './admission.ts';
import { Calls } from './azure/calls.ts';
import { type AnswerHeaders, type AzureContainer, connect } from './azure/container.ts';
import { azureFailure } from './azure/errors.ts';
import { isRemnant, look, remove, sweepUpload, type Target } from './azure/objects.ts';
import { openAzureBlob } from './azure/open-blob.ts';
import { Upload } from './azure/upload.ts';
import {
  type BlobEntry,
  type ByteRange,
  type DirectStore,
  type DownloadGrant,
  isBlobKey,
  isListed,
  type OpenBlob,
  type PutOptions,
  type UploadAddress,
  type UploadGrant,
} from './blob-store.ts';
import { noSuchBlob } from './storage-failure.ts';
import { takeIn } from './transfer/intake.ts';
import { partSizeFor } from './transfer/part-size.ts';
import { CALLS_AT_ONCE, Slots } from './transfer/slots.ts';
import { endpoint, type TransferSettings, transferEnv } from './variables.ts';

/** The variables of this provider. */
export const env = {
  AZURE_STORAGE_CONNECTION_STRING: z
    .string()
    .optional()
    .describe('The connection string of the storage account; it stands for account, key and address.'),
  AZURE_STORAGE_ACCOUNT: z.string().optional().describe('The storage account.'),
  AZURE_STORAGE_KEY: z
    .string()
    .optional()
    .describe('The key of the account; without it a managed identity, or whatever else is at hand.'),
  AZURE_STORAGE_ENDPOINT: endpoint
    .optional()
    .describe('The address of the account’s blobs, where it is not the usual one.'),
  AZURE_CONTAINER: z.string().optional().describe('The container; it must exist.'),
  ...transferEnv,
};

/** The values of this provider’s variables. */
export type Settings = z.infer<z.ZodObject<typeof env>>;

/** What the variables still lack for this provider to be used; one sentence each, beginning with the variable. */
export function problems(settings: Settings): string[] {
  const found: string[] = [];
  if (!settings.AZURE_CONTAINER) found.push('AZURE_CONTAINER must be set for the provider azure');
  if (!settings.AZURE_STORAGE_CONNECTION_STRING && !settings.AZURE_STORAGE_ACCOUNT) {
    found.push('AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT must be set for the provider azure');
  }
  return found;
}

// The service takes no more blocks for one blob.
const MOST_BLOCKS = 50_000;
const PAGE = 1_000;
// Not a key, so that no listing shows it.
const PROBE = 'probe';

/** Opens a container of Azure Blob Storage; rejects with STORAGE_UNAVAILABLE if the variables do not lead to any. */
export async function open(settings: Settings): Promise<DirectStore> {
  try {
    const container = await connect({
      connectionString: settings.AZURE_STORAGE_CONNECTION_STRING,
      account: settings.AZURE_STORAGE_ACCOUNT,
      key: settings.AZURE_STORAGE_KEY,
      endpoint: settings.AZURE_STORAGE_ENDPOINT,
      container: settings.AZURE_CONTAINER ?? '',
    });
    return new AzureStore(container, settings);
  } catch (error) {
    throw azureFailure(error);
  }
}

class AzureStore implements DirectStore {
  readonly provider = 'azure';
  readonly location: string;
  readonly #container: AzureContainer;
  readonly #sending: Calls;
  readonly #asking: Calls;
  readonly #settings: TransferSettings;

  constructor(container: AzureContainer, settings: TransferSettings) {
    this.location = container.client.containerName;
    this.#container = container;
    this.#settings = settings;
    const timeoutMs = settings.STORAGE_TIMEOUT_SECONDS * 1_000;
    this.#sending = new Calls(timeoutMs, new Slots(settings.STORAGE_CONNECTIONS));
    this.#asking = new Calls(timeoutMs, new Slots(CALLS_AT_ONCE));
  }

  async put(key: string, source: Readable, { signal, atMost }: PutOptions = {}): Promise<number> {
    admitPut(key, source, signal);
    const { STORAGE_PART_SIZE, STORAGE_PARTS_IN_FLIGHT: partsInFlight } = this.#settings;
    const partSize = partSizeFor(STORAGE_PART_SIZE, atMost, MOST_BLOCKS);
    const options = { partSize, partsInFlight, signal };
    return takeIn(source, options, (intake) => new Upload(this.#target(key), intake));
  }

  async open(key: string, range?: ByteRange): Promise<OpenBlob> {
    requireKey(key);
    return openAzureBlob(this.#target(key), range);
  }

  async stat(key: string): Promise<BlobEntry> {
    requireKey(key);
    const found = await look(this.#target(key));
    if (!found || found.isRemnant) throw noSuchBlob(undefined);
    return { key, size: found.size, modifiedAt: found.modifiedAt };
  }

  async delete(key: string): Promise<void> {
    requireKey(key);
    await remove(this.#target(key));
  }

  async *list(prefix = ''): AsyncGenerator<BlobEntry> {
    for await (const { name, properties, metadata } of this.#items({ prefix })) {
      if (!isListed(name, prefix) || isRemnant(metadata)) continue;
      yield { key: name, size: properties.contentLength ?? 0, modifiedAt: properties.lastModified };
    }
  }

  async sweepUnfinished(before: Date, { countOnly = false } = {}): Promise<number> {
    let swept = 0;
    for await (const { name, properties } of this.#items({ includeUncommitedBlobs: true })) {
      // What has no content yet is listed as an empty object.
      if (!isBlobKey(name) || properties.contentLength !== 0) continue;
      if (await sweepUpload(this.#target(name), properties.lastModified, before, countOnly)) swept += 1;
    }
    return swept;
  }

  async check(): Promise<void> {
    const { blob } = this.#target(PROBE);
    await this.#asking.make(({ signal }) => blob.upload('probe', 5, { abortSignal: signal }));
    await remove(this.#target(PROBE));
  }

  async close(): Promise<void> {
    this.#container.close();
  }

  async downloadUrl(key: string, grant: DownloadGrant): Promise<string> {
    const { expiresInSeconds, contentType, contentDisposition } = grant;
    return this.#signed(key, 'r', expiresInSeconds, { contentType, contentDisposition });
  }

  async uploadAddress(key: string, { expiresInSeconds }: UploadGrant): Promise<UploadAddress> {
    const url = await this.#signed(key, 'cw', expiresInSeconds);
    const headers = { 'x-ms-blob-type': 'BlockBlob', 'content-type': 'application/octet-stream' };
    return { method: 'PUT', url, headers };
  }

  async #signed(key: string, may: string, seconds: number, answer: AnswerHeaders = {}): Promise<string> {
    requireKey(key);
    const query = await this.#asking.make(() => this.#container.sign(key, may, seconds, answer));
    return `${this.#target(key).blob.url}?${query}`;
  }

  #target(key: string): Target {
    return {
      blob: this.#container.client.getBlockBlobClient(key),
      sending: this.#sending,
      asking: this.#asking,
    };
  }

  /** The container’s objects, ascending, page by page. */
  async *#items(options: ContainerListBlobsOptions): AsyncGenerator<BlobItem> {
    let token: string | undefined;
    do {
      const settings = { maxPageSize: PAGE, ...(token ? { continuationToken: token } : {}) };
      const { value } = await this.#asking.make(({ signal }) =>
        this.#container.client
          .listBlobsFlat({ ...options, includeMetadata: true, abortSignal: signal })
          .byPage(settings)
          .next(),
      );
      yield* value.segment.blobItems;
      token = value.continuationToken;
    } while (token);
  }
}
