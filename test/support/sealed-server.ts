import { createHash } from 'node:crypto';
import { type Account, gql, register, upload } from './client.ts';
import { type RunningServer, type ServerEnvironment, startServer } from './server.ts';

/** A master key as ENCRYPTION_KEYS has it; of one name it is always the same. */
export const masterKey = (name: string): string =>
  `${name}:${createHash('sha256').update(name).digest('base64')}`;

const MORE = { BLOB_GRACE_MINUTES: '0', LOG_LEVEL: 'error' };

/** The whole body of an answer; null where it broke off. */
export const bodyOf = (answer: Response): Promise<Buffer | null> =>
  answer.arrayBuffer().then(Buffer.from, () => null);

/** A server with master keys and an account on it, which may be started again with others on the same data. */
export class SealedServer {
  /** The one that was started first; it owns the data. */
  readonly home: RunningServer;
  readonly owner: Account;
  server: RunningServer;

  private constructor(home: RunningServer, owner: Account) {
    this.home = home;
    this.server = home;
    this.owner = owner;
  }

  static async open(keys: string): Promise<SealedServer> {
    const home = await startServer({ ...MORE, ENCRYPTION_KEYS: keys });
    return new SealedServer(home, await register(home.origin));
  }

  async close(): Promise<void> {
    if (this.server !== this.home) await this.server.stop();
    await this.home.stop();
  }

  /** Ends the server and starts another on the same data. */
  async restart(changes: ServerEnvironment): Promise<void> {
    await this.server.kill();
    const { DATA_PATH, MONGODB_URI, UPLOAD_PATH } = this.home.env;
    this.server = await startServer({ ...MORE, DATA_PATH, MONGODB_URI, UPLOAD_PATH, ...changes });
  }

  async add(content: Buffer): Promise<string> {
    const { data, text } = await upload(this.server.origin, this.owner.token, { content });
    if (!data) throw new Error(text);
    return data.uploadFile.id;
  }

  get(id: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${this.server.origin}/files/${id}/content`, {
      headers: { authorization: `Bearer ${this.owner.token}`, ...headers },
    });
  }

  /** What the API tells of the file that encryption could change. */
  async told(id: string) {
    const query = `query ($id: ID!) { file(id: $id) { fileSize fileHash encryption { isEncrypted algorithm keyId } } }`;
    const { origin } = this.server;
    const { data } = await gql<{ file: Record<string, unknown> }>(origin, query, { id }, this.owner.token);
    return data?.file;
  }
}
