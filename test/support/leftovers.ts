import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { pause } from './client.ts';
import type { RunningServer } from './server.ts';

type Document = mongoose.mongo.Document;

/** What a server’s database and folders hold, as the tests compare it. */
export interface Holdings {
  readonly files: readonly Document[];
  readonly blobs: readonly Document[];
  readonly users: readonly Document[];
  /** Files that are not COMPLETED. */
  readonly unfinished: number;
  /** Claims of users and blobs that wait to be settled. */
  readonly claims: number;
  /** Keys that lie in the store. */
  readonly keys: readonly string[];
  readonly tempFiles: readonly string[];
  readonly spillFiles: readonly string[];
}

/** Looks into the database and the folders of one server. */
export class Inspector {
  readonly connection: mongoose.Connection;
  private readonly dataPath: string;

  private constructor(connection: mongoose.Connection, dataPath: string) {
    this.connection = connection;
    this.dataPath = dataPath;
  }

  static async open(uri: string, dataPath: string): Promise<Inspector> {
    return new Inspector(await mongoose.createConnection(uri).asPromise(), dataPath);
  }

  /** Of a server whose database is not embedded. */
  static of({ env, dataPath }: RunningServer): Promise<Inspector> {
    return Inspector.open(env.MONGODB_URI ?? '', dataPath);
  }

  async holdings(): Promise<Holdings> {
    const [files = [], blobs = [], users = []] = await Promise.all(
      ['files', 'blobs', 'users'].map((name) => this.connection.collection(name).find().toArray()),
    );
    const entries = await readdir(join(this.dataPath, 'blobs'), { recursive: true, withFileTypes: true });
    const stored = entries.filter((entry) => entry.isFile());
    const isTemp = (path: string) => path.endsWith(join('blobs', 'tmp'));
    return {
      files,
      blobs,
      users,
      unfinished: files.filter(({ uploadStatus }) => uploadStatus !== 'COMPLETED').length,
      claims: [...users, ...blobs].reduce((sum, { claims }) => sum + (claims?.length ?? 0), 0),
      keys: stored.filter(({ parentPath }) => !isTemp(parentPath)).map(({ name }) => name),
      tempFiles: stored.filter(({ parentPath }) => isTemp(parentPath)).map(({ name }) => name),
      spillFiles: await readdir(join(this.dataPath, 'spill')),
    };
  }

  /** What contradicts itself: nothing, once all uploads have ended and been tidied. */
  async problems(): Promise<string[]> {
    const held = await this.holdings();
    const { files, blobs, users, keys } = held;
    const problems: string[] = [];
    if (held.unfinished > 0) problems.push(`${held.unfinished} files are unfinished`);
    if (held.claims > 0) problems.push(`${held.claims} claims wait`);
    if (held.tempFiles.length > 0) problems.push(`${held.tempFiles.length} temp files`);
    if (held.spillFiles.length > 0) problems.push(`${held.spillFiles.length} spill files`);
    for (const { _id, usedBytes } of users) {
      const own = files.filter(({ userId }) => userId.equals(_id)).flatMap(contentsOf);
      const sum = own.reduce((n, content) => n + content.fileSize, 0);
      if (usedBytes !== sum) problems.push(`usedBytes is ${usedBytes}, the files have ${sum}`);
    }
    for (const { _id, key, refCount } of blobs) {
      const references = files.flatMap(contentsOf).filter(({ blob }) => blob?.equals(_id)).length;
      if (refCount !== references) problems.push(`refCount is ${refCount}, ${references} files refer to it`);
      if (!keys.includes(key)) problems.push(`blob ${key} has no bytes`);
    }
    // A preview’s object is named before it is written.
    const beside = ({ previews = [], leftovers = [] }: Document) => [...previews, ...leftovers];
    const known = new Set(blobs.flatMap((blob) => [blob, ...beside(blob)]).map(({ key }) => key));
    for (const key of keys) if (!known.has(key)) problems.push(`bytes ${key} have no blob`);
    for (const { _id, blob } of files) {
      if (!blobs.some((other) => other._id.equals(blob))) problems.push(`file ${_id} has no blob`);
    }
    return problems;
  }

  /** Resolves with the problems that are left when undoing had so long to end; at once when there are none. */
  async settled(patienceMs = 5_000): Promise<string[]> {
    const end = Date.now() + patienceMs;
    for (;;) {
      const problems = await this.problems();
      if (problems.length === 0 || Date.now() > end) return problems;
      await pause(20);
    }
  }

  async setQuota(userId: string, quotaBytes: number | null): Promise<void> {
    const _id = new mongoose.Types.ObjectId(userId);
    await this.connection.collection('users').updateOne({ _id }, { $set: { quotaBytes } });
  }

  async usedBytes(userId: string): Promise<number> {
    const _id = new mongoose.Types.ObjectId(userId);
    return (await this.connection.collection('users').findOne({ _id }))?.usedBytes;
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}

/** A file’s present content, and its earlier ones. */
const contentsOf = (file: Document): Document[] => [file, ...(file.versions ?? [])];

/** A process’s open files and its other descriptors, its spilled parts, and its resident memory in bytes. */
export async function vitalsOf(pid: number) {
  const names = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return {
    files: targets.filter((target) => target.startsWith('/')).length,
    others: targets.filter((target) => target && !target.startsWith('/')).length,
    spilling: targets.filter((target) => target.includes('/spill/')).length,
    memory: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024,
  };
}
