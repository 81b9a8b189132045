import { type Account, gql, register, upload } from './client.ts';

/** What the tests look at of a share link. */
export interface Link {
  readonly id: string;
  readonly url: string;
  readonly token: string;
  readonly downloads: number;
  readonly opens: number;
  readonly [field: string]: unknown;
}

const LINK = 'id url token hasPassword downloads opens maxDownloads expiresAt revokedAt note allowDownload';

/** An account that shares what it has by links. */
export class LinkClient {
  private readonly origin: string;
  private readonly owner: Account;

  private constructor(origin: string, owner: Account) {
    this.origin = origin;
    this.owner = owner;
  }

  /** A new account. */
  static async of(origin: string): Promise<LinkClient> {
    return new LinkClient(origin, await register(origin));
  }

  /** Runs an operation, as this account unless told; throws the code of its first error. */
  async ask<T>(query: string, variables: object = {}, token = this.owner.token): Promise<T> {
    const answer = await gql<T>(this.origin, query, variables, token);
    if (!answer.data) throw new Error(answer.errors[0]?.extensions.code ?? answer.text);
    return answer.data;
  }

  /** Uploads a file; resolves with its id. */
  async stored(content: Buffer, filename: string, folderId?: string): Promise<string> {
    const file = { content, filename, type: 'text/plain' };
    const answer = await upload(this.origin, this.owner.token, file, folderId ? { folderId } : undefined);
    if (!answer.data) throw new Error(answer.text);
    return answer.data.uploadFile.id;
  }

  /** Makes a folder; resolves with its id. */
  async folder(name: string, parentId?: string): Promise<string> {
    const query = 'mutation ($input: CreateFolderInput!) { createFolder(input: $input) { id } }';
    return (await this.ask<{ createFolder: { id: string } }>(query, { input: { name, parentId } }))
      .createFolder.id;
  }

  /** Makes a link to a file. */
  async share(fileId: string, input: object = {}): Promise<Link> {
    const query = `mutation ($fileId: ID!, $input: ShareFileInput) { shareFile(fileId: $fileId, input: $input) { ${LINK} } }`;
    return (await this.ask<{ shareFile: Link }>(query, { fileId, input })).shareFile;
  }

  /** Makes a link to a folder. */
  async shareFolder(folderId: string, input: object = {}): Promise<Link> {
    const query = `mutation ($folderId: ID!, $input: ShareFileInput) { shareFolder(folderId: $folderId, input: $input) { ${LINK} } }`;
    return (await this.ask<{ shareFolder: Link }>(query, { folderId, input })).shareFolder;
  }

  /** What is known of a link now. */
  async now(id: string): Promise<Link> {
    const query = `{ shares(first: 100) { nodes { ${LINK} } } }`;
    const { shares } = await this.ask<{ shares: { nodes: Link[] } }>(query);
    const link = shares.nodes.find((each) => each.id === id);
    if (!link) throw new Error('The link is not listed.');
    return link;
  }

  /** Takes a link back. */
  revoke(id: string): Promise<unknown> {
    return this.ask('mutation ($id: ID!) { revokeShare(id: $id) { revokedAt } }', { id });
  }
}
