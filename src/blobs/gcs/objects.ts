import type { IncomingMessage } from 'node:http';
import type { Bucket, Storage } from '@google-cloud/storage';
import type { Told } from '../ranges.ts';
import type { Answer, GcsConnection } from './connection.ts';
import { isMissing } from './errors.ts';
import type { Call } from './exchange.ts';

const PAGE = 1_000;

/** What the JSON API tells of an object, as far as we ask. */
export interface ObjectResource {
  readonly name: string;
  readonly size: string;
  readonly updated: string;
  readonly generation: string;
  readonly md5Hash?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What the answer to a download tells of the content. */
export function toldBy({ headers }: IncomingMessage): Told {
  const length = headers['x-goog-stored-content-length'] ?? headers['content-length'];
  return {
    ...(length !== undefined && { contentLength: Number(length) }),
    contentRange: headers['content-range'],
  };
}

/** Lets the SDK send its calls over our connections. */
export function carry(storage: Storage, connection: GcsConnection, endpoint: string): void {
  storage.request = ({ uri = '', method = 'GET', qs = {}, json }, callback) => {
    const { autoPaginate: _, ...asked } = qs;
    const query = Object.entries(asked).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, String(value)]],
    );
    const call = {
      method,
      url: `${endpoint}/storage/v1/${uri.replace(/^\/+/, '')}?${new URLSearchParams(query)}`,
      ...(json !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: [Buffer.from(JSON.stringify(json))],
      }),
    };
    connection
      .call(call)
      .then(({ text }) => (text === '' ? undefined : JSON.parse(text)))
      .then(
        (body) => callback(null, body),
        (error) => callback(error),
      );
  };
}

/** The objects of one bucket: the SDK’s calls for everything but contents, the documented JSON API for those. */
export class GcsObjects {
  readonly #bucket: Bucket;
  readonly #connection: GcsConnection;
  readonly #endpoint: string;

  constructor(bucket: Bucket, connection: GcsConnection, endpoint: string) {
    this.#bucket = bucket;
    this.#connection = connection;
    this.#endpoint = endpoint;
  }

  /** The address at which signed URLs reach an object. */
  address(key: string): URL {
    return new URL(`${this.#endpoint}/${this.#bucket.name}/${key}`);
  }

  /** What the server tells of an object. */
  async tell(key: string): Promise<ObjectResource> {
    const fields = 'name,size,updated,generation,md5Hash,metadata';
    const [told] = await this.#bucket.file(key).getMetadata({ fields });
    return told as unknown as ObjectResource;
  }

  /** Removes an object, or only one generation of it; one that is not there is success. */
  async remove(key: string, ifGenerationMatch?: string): Promise<void> {
    const condition = ifGenerationMatch === undefined ? {} : { ifGenerationMatch };
    try {
      await this.#bucket.file(key).delete(condition);
    } catch (error) {
      if (!(await this.isAbsence(error))) throw error;
    }
  }

  /** One page of the objects of a prefix, ascending; nothing behind a slash that the prefix does not have. */
  async page(prefix: string, pageToken: string | undefined) {
    const [, , page] = await this.#bucket.getFiles({
      prefix,
      delimiter: '/',
      maxResults: PAGE,
      autoPaginate: false,
      fields: 'items(name,size,updated),nextPageToken',
      ...(pageToken && { pageToken }),
    });
    const { items = [], nextPageToken } = page as { items?: ObjectResource[]; nextPageToken?: string };
    return { items, nextPageToken };
  }

  /** Opens an object, or a range of it, for reading. */
  download(key: string, range: string | undefined): Promise<IncomingMessage> {
    const url = `${this.#endpoint}/storage/v1/b/${this.#bucket.name}/o/${encodeURIComponent(key)}?alt=media`;
    return this.#connection.download({ method: 'GET', url, headers: range ? { range } : {} });
  }

  /** Sends a request that begins or makes an upload of a new object. */
  upload(type: 'multipart' | 'resumable', call: Omit<Call, 'method' | 'url'>): Promise<Answer> {
    const query = new URLSearchParams({
      uploadType: type,
      // Generation 0 is that of no object: what exists is never overwritten.
      ifGenerationMatch: '0',
    });
    const url = `${this.#endpoint}/upload/storage/v1/b/${this.#bucket.name}/o?${query}`;
    return this.#connection.call({ method: 'POST', url, ...call });
  }

  /** Sends a request to the address of an upload session, which is its own proof. */
  session(call: Call): Promise<Answer> {
    return this.#connection.call({ open: true, ...call });
  }

  /** Whether the error tells that an object is missing from a bucket that is there: a lost bucket is no proof of anything. */
  async isAbsence(error: unknown): Promise<boolean> {
    if (isMissing(error)) return true;
    if (!(error instanceof Error && 'status' in error && error.status === 404)) return false;
    if (/bucket does not exist/i.test(error.message)) return false;
    await this.#bucket.getFiles({ maxResults: 1, autoPaginate: false, fields: 'kind' });
    return true;
  }
}
