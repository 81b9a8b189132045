import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Backend } from '../backend.ts';
import { type RunningCommand, runCommand, startCommand } from '../cli.ts';
import { type Account, register, upload } from '../client.ts';
import { Inspector } from '../leftovers.ts';
import { type RunningServer, startServer } from '../server.ts';

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

/** A file that was uploaded. */
export interface Stored {
  readonly id: string;
  readonly hash: string;
}

/** A server that stores locally and knows a second provider, with files in it, and the commands run beside it. */
export class Site {
  readonly server: RunningServer;
  readonly owner: Account;
  readonly files: Stored[] = [];
  private readonly inspector: Inspector;

  private constructor(server: RunningServer, owner: Account, inspector: Inspector) {
    this.server = server;
    this.owner = owner;
    this.inspector = inspector;
  }

  static async open(target: Backend): Promise<Site> {
    const server = await startServer({
      ...target.env,
      STORAGE_PROVIDERS: target.provider,
      BLOB_GRACE_MINUTES: '0',
      SWEEP_INTERVAL_SECONDS: '1',
    });
    return new Site(server, await register(server.origin), await Inspector.of(server));
  }

  async close(): Promise<void> {
    await this.inspector.close();
    await this.server.stop();
  }

  async add(content: Buffer): Promise<void> {
    const { data, text } = await upload(this.server.origin, this.owner.token, { content });
    if (!data) throw new Error(text);
    this.files.push({ id: data.uploadFile.id, hash: sha256(content) });
  }

  /** Downloads a file; what is wrong with the answer, or null. */
  async problemWith({ id, hash }: Stored): Promise<string | null> {
    try {
      const headers = { authorization: `Bearer ${this.owner.token}` };
      const answer = await fetch(`${this.server.origin}/files/${id}/content`, { headers });
      const content = Buffer.from(await answer.arrayBuffer());
      if (answer.status === 200 && sha256(content) === hash) return null;
      return `${answer.status} ${content.length} bytes`;
    } catch (error) {
      return String(error);
    }
  }

  /** Downloads all files again and again until `end` is called, which resolves with every failure and the count. */
  downloading() {
    let isOver = false;
    let reads = 0;
    const failures: string[] = [];
    const readers = this.files.map(async (file) => {
      while (!isOver) {
        const problem = await this.problemWith(file);
        if (problem) failures.push(problem);
        reads += 1;
      }
    });
    return async () => {
      isOver = true;
      await Promise.all(readers);
      return { failures, reads };
    };
  }

  move(...more: string[]) {
    return ['storage', 'move', '--from', 'local', '--to', this.target, ...more];
  }

  private get target(): string {
    return `${this.server.env.STORAGE_PROVIDERS}`;
  }

  command(...args: string[]) {
    return runCommand(args, { env: this.server.env, cwd: this.server.dataPath });
  }

  begin(...args: string[]): RunningCommand {
    return startCommand(args, { env: this.server.env, cwd: this.server.dataPath });
  }

  async held() {
    const { blobs, files, keys } = await this.inspector.holdings();
    return {
      local: keys,
      blobs,
      moved: blobs.filter(({ provider }) => provider === this.target).length,
      leftovers: blobs.flatMap((blob) => blob.leftovers ?? []),
      told: [...new Set(files.map(({ storageProvider }) => storageProvider))],
    };
  }

  async until(isSo: (held: Awaited<ReturnType<Site['held']>>) => boolean, what: string): Promise<void> {
    const end = Date.now() + 90_000;
    while (!isSo(await this.held())) {
      if (Date.now() > end) throw new Error(`${what} did not come about`);
      await pause(50);
    }
  }

  /** As if what is left had waited for its hour. */
  async age(): Promise<void> {
    const blobs = this.inspector.connection.collection('blobs');
    await blobs.updateMany(
      { 'leftovers.0': { $exists: true } },
      { $set: { 'leftovers.$[].deleteAfter': new Date(1) } },
    );
  }
}
