import { randomBytes } from 'node:crypto';
import { copyFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { conditionNotMet, noSuchObject, Refusal } from './gcs-answers.ts';
import { type Content, Draft } from './gcs-contents.ts';

const MOST_RESULTS = 1_000;

/** What a client may say of an object it makes. */
export interface Described {
  contentType?: string;
  metadata?: Record<string, string>;
  md5Hash?: string;
  crc32c?: string;
}

/** One generation of an object. */
export interface StoredObject extends Content {
  readonly bucket: string;
  readonly name: string;
  readonly sortKey: Buffer;
  readonly generation: string;
  readonly metageneration: string;
  readonly made: Date;
  readonly contentType: string | undefined;
  readonly metadata: Record<string, string> | undefined;
}

/** One page of a listing. */
export interface Page {
  items: StoredObject[];
  prefixes: string[];
  nextPageToken?: string;
}

/** A bucket: its objects by name, and their contents as files of a folder. */
export class Bucket {
  readonly name: string;
  readonly projectId: string;
  readonly made = new Date();
  readonly #folder: string;
  readonly #objects = new Map<string, StoredObject>();
  #sorted: StoredObject[] | undefined;
  #generation = BigInt(Date.now()) * 1_000n;

  constructor(name: string, projectId: string, folder: string) {
    this.name = name;
    this.projectId = projectId;
    this.#folder = folder;
  }

  /** A new content to be written. */
  newDraft(): Draft {
    return new Draft(this.#newPath());
  }

  /** The object; throws the refusal of one that is not there, or whose conditions do not hold. */
  get(name: string, query = new URLSearchParams()): StoredObject {
    const found = this.#objects.get(name);
    const asked = query.get('generation');
    if (!found || (asked !== null && asked !== found.generation)) throw noSuchObject(this.name, name);
    this.requireConditions(name, query);
    return found;
  }

  /** Throws unless the conditions of the query hold for what lies under this name now; generation 0 is nothing. */
  requireConditions(name: string, query: URLSearchParams): void {
    const found = this.#objects.get(name);
    for (const part of ['generation', 'metageneration'] as const) {
      const title = `if${part.charAt(0).toUpperCase()}${part.slice(1)}`;
      const now = found?.[part] ?? '0';
      const [match, notMatch] = [query.get(`${title}Match`), query.get(`${title}NotMatch`)];
      if (match !== null && match !== now) throw conditionNotMet();
      if (notMatch !== null && notMatch === now) throw conditionNotMet();
    }
  }

  /** Puts a finished content under a name if the conditions still hold; the content is gone otherwise. */
  async keep(
    name: string,
    content: Content,
    described: Described,
    query: URLSearchParams,
  ): Promise<StoredObject> {
    try {
      if (name === '' || Buffer.byteLength(name) > 1_024) {
        throw new Refusal(400, 'invalid', 'The name of the object must have 1 to 1024 bytes.');
      }
      for (const [said, got] of [
        [described.md5Hash, content.md5],
        [described.crc32c, content.crc32c],
      ]) {
        if (said !== undefined && said !== got) {
          throw new Refusal(400, 'invalid', `Provided hash "${said}" doesn't match calculated "${got}".`);
        }
      }
      this.requireConditions(name, query);
    } catch (error) {
      await unlink(content.path).catch(() => {});
      throw error;
    }
    const replaced = this.#objects.get(name);
    this.#generation += 1n;
    const { contentType, metadata } = described;
    const stored: StoredObject = {
      ...content,
      bucket: this.name,
      name,
      sortKey: Buffer.from(name),
      generation: String(this.#generation),
      metageneration: '1',
      made: new Date(),
      contentType,
      metadata,
    };
    this.#objects.set(name, stored);
    this.#sorted = undefined;
    if (replaced) await unlink(replaced.path).catch(() => {});
    return stored;
  }

  /** Puts a copy of an object, maybe of another bucket, under a name. */
  async copy(from: StoredObject, name: string, described: Described, query: URLSearchParams) {
    const path = this.#newPath();
    await copyFile(from.path, path);
    const { contentType, metadata, size, md5, crc32c } = from;
    const kept = { ...(contentType && { contentType }), ...(metadata && { metadata }), ...described };
    return this.keep(name, { path, size, md5, crc32c }, kept, query);
  }

  /** Removes an object; throws as `get` does. */
  async delete(name: string, query: URLSearchParams): Promise<void> {
    const { path } = this.get(name, query);
    this.#objects.delete(name);
    this.#sorted = undefined;
    await unlink(path).catch(() => {});
  }

  /** One page of the names, ascending by their UTF-8 bytes. */
  list(query: URLSearchParams): Page {
    const asked = Number(query.get('maxResults') ?? MOST_RESULTS);
    if (!Number.isInteger(asked) || asked < 0) throw new Refusal(400, 'invalid', 'Invalid maxResults.');
    const most = Math.min(asked || MOST_RESULTS, MOST_RESULTS);
    const after = Buffer.from(query.get('pageToken') ?? '', 'base64url');
    const page: Page = { items: [], prefixes: [] };
    let last = '';
    for (const [entry, stored] of this.#entries(query.get('prefix') ?? '', query.get('delimiter') ?? '')) {
      if (entry === last || Buffer.compare(Buffer.from(entry), after) <= 0) continue;
      if (page.items.length + page.prefixes.length === most) {
        page.nextPageToken = Buffer.from(last).toString('base64url');
        return page;
      }
      if (entry === stored.name) page.items.push(stored);
      else page.prefixes.push(entry);
      last = entry;
    }
    return page;
  }

  /** Every object of the prefix under its name, or under the part of it that ends with the delimiter. */
  *#entries(prefix: string, delimiter: string): Generator<[string, StoredObject]> {
    for (const stored of this.#inOrder()) {
      const { name } = stored;
      if (!name.startsWith(prefix)) continue;
      const end = delimiter ? name.indexOf(delimiter, prefix.length) : -1;
      yield [end < 0 ? name : name.slice(0, end + delimiter.length), stored];
    }
  }

  #inOrder(): StoredObject[] {
    this.#sorted ??= [...this.#objects.values()].sort((a, b) => Buffer.compare(a.sortKey, b.sortKey));
    return this.#sorted;
  }

  #newPath(): string {
    return join(this.#folder, randomBytes(16).toString('hex'));
  }
}

/** All buckets of the server. */
export class Buckets {
  readonly #buckets = new Map<string, Bucket>();
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes a bucket; throws the refusal of a name that is taken or is none. */
  insert(name: unknown, projectId: string | null): Bucket {
    if (!projectId) throw new Refusal(400, 'required', 'Required parameter: project');
    if (typeof name !== 'string' || !/^[a-z0-9][-_.a-z0-9]{1,61}[a-z0-9]$/.test(name)) {
      throw new Refusal(400, 'invalid', `Invalid bucket name: '${name}'`);
    }
    if (this.#buckets.has(name)) {
      throw new Refusal(
        409,
        'conflict',
        'Your previous request to create the named bucket succeeded and you already own it.',
      );
    }
    const bucket = new Bucket(name, projectId, this.#folder);
    this.#buckets.set(name, bucket);
    return bucket;
  }

  /** The bucket; throws the refusal of one that is not there. */
  get(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (!bucket) throw new Refusal(404, 'notFound', 'The specified bucket does not exist.');
    return bucket;
  }

  /** Removes a bucket, which must be empty. */
  delete(name: string): void {
    const page = this.get(name).list(new URLSearchParams({ maxResults: '1' }));
    if (page.items.length > 0)
      throw new Refusal(409, 'conflict', 'The bucket you tried to delete is not empty.');
    this.#buckets.delete(name);
  }
}
