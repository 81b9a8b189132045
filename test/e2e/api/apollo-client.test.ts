import { createHash, randomBytes } from 'node:crypto';
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, InMemoryCache } from '@apollo/client';
import UploadHttpLink from 'apollo-upload-client/UploadHttpLink.mjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as operations from '../../generated/graphql.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const PASSWORD = 'correct horse battery';
const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex');
const text = (content: string, name: string) => new File([content], name, { type: 'text/plain' });

let server: RunningServer;
let client: ApolloClient;
let token: string | undefined;
let username: string;

beforeAll(async () => {
  server = await startServer({ MAX_FILE_SIZE: '1MiB' });
});

afterAll(() => server?.stop());

beforeEach(async () => {
  username = `user_${randomBytes(6).toString('hex')}`;
  token = undefined;
  client = newClient({ 'apollo-require-preflight': 'true' });
  const input = { username, email: `${username}@example.org`, password: PASSWORD };
  token = (await register(input)).accessToken;
});

describe('Apollo Client with its upload link', () => {
  it('registers, logs in, renews its tokens and is told who it is', async () => {
    const { data: loggedIn } = await client.mutate({
      mutation: operations.LoginDocument,
      variables: { input: { emailOrUsername: username, password: PASSWORD } },
    });
    const { data: renewed } = await client.mutate({
      mutation: operations.RefreshTokenDocument,
      variables: { refreshToken: loggedIn?.login.refreshToken ?? '' },
    });
    token = renewed?.refreshToken.accessToken;
    const { data: known } = await client.query({ query: operations.MeDocument });
    const { data: open } = await client.query({ query: operations.SessionsDocument });

    expect(known?.me).toMatchObject({ username, email: `${username}@example.org`, role: 'USER' });
    expect(known?.me.usage).toMatchObject({ usedBytes: 0, fileCount: 0 });
    expect(open?.sessions.map(({ current }) => current).toSorted()).toEqual([false, true]);
  });

  it('is UNAUTHENTICATED from the moment it logs out', async () => {
    await client.mutate({ mutation: operations.LogoutDocument });
    expect(await codeOf(client.query({ query: operations.MeDocument }))).toBe('UNAUTHENTICATED');
    expect(await codeOf(upload(text('late', 'late.txt')))).toBe('UNAUTHENTICATED');
  });

  it('uploads a file whose name is not ASCII and downloads a range of the same bytes', async () => {
    const content = randomBytes(200_000);
    const file = await upload(new File([content], 'Übersicht 報告 🌿.bin'), {
      description: 'A report',
      tags: ['report'],
      sha256: sha256(content),
    });
    expect(file).toMatchObject({
      originalName: 'Übersicht 報告 🌿.bin',
      fileSize: 200_000,
      fileHash: sha256(content),
      uploadStatus: 'COMPLETED',
    });

    const details = await detailsOf(file.id);
    const range = await fetch(details?.downloadUrl ?? '', { headers: { range: 'bytes=1000-1999' } });
    expect(range.status).toBe(206);
    expect(range.headers.get('content-range')).toBe('bytes 1000-1999/200000');
    expect(range.headers.get('content-disposition')).toContain(
      "filename*=UTF-8''%C3%9Cbersicht%20%E5%A0%B1%E5%91%8A%20%F0%9F%8C%BF.bin",
    );
    expect(Buffer.from(await range.arrayBuffer()).equals(content.subarray(1000, 2000))).toBe(true);

    const whole = await fetch(`${server.origin}/files/${file.id}/content`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(sha256(new Uint8Array(await whole.arrayBuffer()))).toBe(file.fileHash);
  });

  it('uploads a file without a single byte', async () => {
    const file = await upload(text('', 'empty.txt'));
    expect(file).toMatchObject({ originalName: 'empty.txt', fileSize: 0, fileHash: sha256('') });
    const answer = await fetch((await detailsOf(file.id))?.downloadUrl ?? '');
    expect(answer.status).toBe(200);
    expect((await answer.arrayBuffer()).byteLength).toBe(0);
  });

  it('keeps the good files of a batch and names the path of each bad one', async () => {
    const { data, error } = await client.mutate({
      mutation: operations.UploadFilesDocument,
      variables: {
        files: [text('alike', 'one.txt'), text('different', 'two.txt'), text('alike', 'three.txt')],
        input: { sha256: sha256('alike'), tags: ['batch'] },
      },
      errorPolicy: 'all',
    });

    expect(data?.uploadFiles.map((file) => file?.originalName)).toEqual(['one.txt', undefined, 'three.txt']);
    expect(failuresOf(error)).toEqual([{ code: 'HASH_MISMATCH', path: ['uploadFiles', 1] }]);
    const { data: stats } = await client.query({ query: operations.StorageStatsDocument });
    // Both have the same content, which is stored once.
    expect(stats?.storageStats).toMatchObject({ totalFiles: 2, totalBytes: 10, storedBytes: 5 });
    const { data: used } = await client.query({ query: operations.TagsDocument });
    expect(used?.tags).toMatchObject([{ tag: 'batch', count: 2 }]);
  });

  it('pages through its own files, each of them once and nobody else’s', async () => {
    for (const name of ['c.txt', 'a.txt', 'b.txt', 'd.txt']) await upload(text(name, name));
    const mine = token;
    token = (await register(someone())).accessToken;
    await upload(text('foreign', 'foreign.txt'), { isPublic: true });
    token = mine;

    const sort: operations.FileSort = { field: 'ORIGINAL_NAME', direction: 'ASC' };
    const pages: string[][] = [];
    let after: string | null = null;
    do {
      const variables: operations.FileListingQueryVariables = { first: 3, after, sort };
      const { data } = await client.query({ query: operations.FileListingDocument, variables });
      pages.push(data?.files.nodes.map(({ originalName }) => originalName) ?? []);
      after = data?.files.pageInfo.hasNextPage ? data.files.pageInfo.endCursor : null;
    } while (after);
    expect(pages).toEqual([['a.txt', 'b.txt', 'c.txt'], ['d.txt']]);

    const { data: shown } = await client.query({ query: operations.PublicFilesDocument });
    expect(shown?.publicFiles.nodes.map(({ originalName }) => originalName)).toContain('foreign.txt');
  });

  it('changes a file, moves it to the trash and back, and removes it for good', async () => {
    const { id } = await upload(text('some words', 'draft.txt'));
    const { data: changed } = await client.mutate({
      mutation: operations.UpdateFileDocument,
      variables: { id, input: { originalName: 'final.txt', description: 'Done', tags: ['Done'] } },
    });
    expect(changed?.updateFile).toMatchObject({ originalName: 'final.txt', description: 'Done' });

    await client.mutate({ mutation: operations.DeleteFileDocument, variables: { id } });
    expect([await namesOf({}), await namesOf({ isDeleted: true })]).toEqual([[], ['final.txt']]);
    await client.mutate({ mutation: operations.RestoreFileDocument, variables: { id } });
    expect([await namesOf({}), await namesOf({ isDeleted: true })]).toEqual([['final.txt'], []]);

    await client.mutate({ mutation: operations.PurgeFileDocument, variables: { id } });
    expect(await codeOf(detailsOf(id))).toBe('NOT_FOUND');
    const { id: other } = await upload(text('more words', 'other.txt'));
    await client.mutate({ mutation: operations.DeleteFileDocument, variables: { id: other } });
    const { data: emptied } = await client.mutate({ mutation: operations.EmptyTrashDocument });
    expect(emptied?.emptyTrash).toBe(1);
    expect(await codeOf(detailsOf(other))).toBe('NOT_FOUND');
  });

  it('is told which limit a file broke, and what to send when the preflight header lacks', async () => {
    expect(await codeOf(upload(new File([Buffer.alloc(2 ** 20 + 1)], 'large.bin')))).toBe(
      'PAYLOAD_TOO_LARGE',
    );
    expect(await namesOf({})).toEqual([]);

    client = newClient({});
    const refused = await upload(text('x', 'x.txt')).catch((error: unknown) => error);
    expect(failuresOf(refused)).toMatchObject([{ code: 'BAD_USER_INPUT' }]);
    expect(String(refused)).toContain('apollo-require-preflight');
  });
});

function newClient(headers: Record<string, string>): ApolloClient {
  const authorize = new ApolloLink((operation, forward) => {
    if (token) operation.setContext({ headers: { authorization: `Bearer ${token}` } });
    return forward(operation);
  });
  return new ApolloClient({
    link: authorize.concat(new UploadHttpLink({ uri: `${server.origin}/graphql`, headers })),
    cache: new InMemoryCache(),
    defaultOptions: { query: { fetchPolicy: 'network-only' } },
  });
}

function someone(): operations.RegisterInput {
  const name = `user_${randomBytes(6).toString('hex')}`;
  return { username: name, email: `${name}@example.org`, password: PASSWORD };
}

async function register(input: operations.RegisterInput) {
  const { data } = await client.mutate({ mutation: operations.RegisterDocument, variables: { input } });
  if (!data) throw new Error('no account was made');
  return data.register;
}

async function upload(file: File, input: operations.UploadFileInput = {}) {
  const variables = { file, input };
  const { data } = await client.mutate({ mutation: operations.UploadFileDocument, variables });
  if (!data) throw new Error('no file was made');
  return data.uploadFile;
}

async function detailsOf(id: string) {
  const { data } = await client.query({ query: operations.FileDetailsDocument, variables: { id } });
  return data?.file;
}

async function namesOf(filter: operations.FileFilter): Promise<string[]> {
  const { data } = await client.query({ query: operations.FileListingDocument, variables: { filter } });
  return data?.files.nodes.map(({ originalName }) => originalName) ?? [];
}

const failuresOf = (error: unknown) =>
  CombinedGraphQLErrors.is(error)
    ? error.errors.map(({ path, extensions }) => ({ code: extensions?.code, path }))
    : [];

async function codeOf(answer: Promise<unknown>): Promise<unknown> {
  const error: unknown = await answer.then(
    () => 'no error',
    (reason: unknown) => reason,
  );
  return failuresOf(error)[0]?.code ?? error;
}
