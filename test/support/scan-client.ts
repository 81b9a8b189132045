import { randomBytes } from 'node:crypto';
import { type Account, type Answer, gql, pause, register, send, upload } from './client.ts';
import { Inspector } from './leftovers.ts';
import type { RunningServer } from './server.ts';
import { EICAR } from './virus-signatures.ts';

/** A file as the tests of scanning look at it. */
export interface ScannedFile {
  readonly uploadStatus: string;
  readonly downloadUrl: string;
  readonly virus: {
    readonly isScanned: boolean;
    readonly isClean: boolean;
    readonly scanEngine: string | null;
  };
}

/** A file in quarantine. */
export interface Held {
  readonly id: string;
  readonly ownerName: string;
  readonly threat: string;
  readonly fileSize: number;
}

const FILE =
  'query ($id: ID!) { file(id: $id) { uploadStatus downloadUrl virus { isScanned isClean scanEngine } } }';

/** The first page, or the one behind a cursor. */
export const QUARANTINE =
  'query ($first: Int, $after: String) { quarantine(first: $first, after: $after) { nodes { id ownerName threat fileSize } pageInfo { hasNextPage endCursor } } }';
export const RELEASE =
  'mutation ($id: ID!) { releaseFile(id: $id) { id uploadStatus virus { isScanned isClean } } }';
export const PURGE = 'mutation ($id: ID!) { purgeFile(id: $id) }';

/** A text that nobody uploaded before, infected unless another text is given. */
export const infected = (text = EICAR) => `${randomBytes(8).toString('hex')} ${text}`;

/** One account of a server, and what the tests of scanning do with it. */
export class ScanClient {
  readonly account: Account;
  private readonly server: RunningServer;

  private constructor(server: RunningServer, account: Account) {
    this.server = server;
    this.account = account;
  }

  static async register(server: RunningServer): Promise<ScanClient> {
    return new ScanClient(server, await register(server.origin));
  }

  /** An account that administers the server. */
  static async administrator(server: RunningServer): Promise<ScanClient> {
    const account = await register(server.origin);
    const { username, password } = account;
    const inspector = await Inspector.of(server);
    await inspector.connection.collection('users').updateOne({ username }, { $set: { role: 'ADMIN' } });
    await inspector.connection.close();
    // A session that was just made is not remembered as that of somebody who may less.
    const { data, text } = await gql<{ login: { accessToken: string } }>(
      server.origin,
      'mutation ($input: LoginInput!) { login(input: $input) { accessToken } }',
      { input: { emailOrUsername: username, password } },
    );
    if (!data) throw new Error(text);
    return new ScanClient(server, { ...account, token: data.login.accessToken });
  }

  ask<T>(query: string, variables: object = {}): Promise<Answer<T>> {
    return gql<T>(this.server.origin, query, variables, this.account.token);
  }

  /** The code of the refusal; undefined where there is none. */
  async code(query: string, variables: object = {}): Promise<string | undefined> {
    return (await this.ask(query, variables)).errors[0]?.extensions.code;
  }

  upload(content: string | Buffer, input = {}) {
    return upload(this.server.origin, this.account.token, { content }, input);
  }

  /** Uploads what must be taken. */
  async idOf(content: string | Buffer, input = {}): Promise<string> {
    const { data, text } = await this.upload(content, input);
    if (!data) throw new Error(text);
    return data.uploadFile.id;
  }

  /** What is shown of the file; undefined where nothing is. */
  async shown(id: string): Promise<ScannedFile | undefined> {
    return (await this.ask<{ file: ScannedFile | null }>(FILE, { id })).data?.file ?? undefined;
  }

  content(id: string, { method = 'GET', headers = {} } = {}): Promise<Answer> {
    const authorization = `Bearer ${this.account.token}`;
    return send(this.server.origin, {
      method,
      path: `/files/${id}/content`,
      headers: { authorization, ...headers },
    });
  }

  /** What was put into quarantine last, for administrators. */
  async newestHeld(): Promise<Held> {
    const { data, text } = await this.ask<{ quarantine: { nodes: Held[] } }>(QUARANTINE, { first: 1 });
    const [held] = data?.quarantine.nodes ?? [];
    if (!held) throw new Error(text);
    return held;
  }
}

/** What `/health/ready` answers. */
export async function readiness({ origin }: RunningServer): Promise<{ status: number; scanner: string }> {
  const { status, text } = await send(origin, { method: 'GET', path: '/health/ready' });
  return { status, scanner: JSON.parse(text).checks.scanner.status };
}

/** Resolves once it is so; rejects with the server’s log when it does not come about in time. */
export async function until(
  server: RunningServer,
  isSo: () => Promise<boolean>,
  seconds = 25,
): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`It did not come about:\n${server.log()}`);
    await pause(100);
  }
}
