import { ApolloClient, ApolloLink, gql, InMemoryCache } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import UploadHttpLink from 'apollo-upload-client/UploadHttpLink.mjs';
import { OperationTypeNode } from 'graphql';
import { createClient } from 'graphql-ws';
import * as operations from '../../generated/graphql.ts';

// What this page needs of a browser, beside what Node has, too.
declare const document: { querySelector<T>(selector: string): T };
declare const location: { search: string };

const API = new URLSearchParams(location.search).get('api') ?? '';

// Where scripts of other tabs cannot read it; the refresh token is in a cookie that no script reads.
let token: string | undefined;

const authorization = () => ({ ...(token && { authorization: `Bearer ${token}` }) });
const authorize = new SetContextLink(({ headers }) => ({ headers: { ...headers, ...authorization() } }));
const http = new UploadHttpLink({
  uri: `${API}/graphql`,
  credentials: 'include',
  headers: { 'apollo-require-preflight': 'true', 'x-refresh-token-delivery': 'cookie' },
});
const ws = new GraphQLWsLink(
  createClient({
    url: `${API.replace(/^http/, 'ws')}/graphql`,
    connectionParams: authorization,
  }),
);
const client = new ApolloClient({
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    ws,
    authorize.concat(http),
  ),
  cache: new InMemoryCache(),
});

const PASSWORD = 'correct horse battery';
// Without an argument the cookie is used.
const REFRESH = gql`mutation { refreshToken { accessToken } }`;

/** What the page can do; whoever drives it calls these. */
export const app = {
  /** Changes of files and the progress of uploads, as they were told. */
  changes: [] as string[],
  progress: [] as operations.UploadProgressSubscription['uploadProgress'][],

  /** Makes an account, then logs in to it; resolves with its access token. */
  async enter(username: string): Promise<string> {
    const input = { username, email: `${username}@example.org`, password: PASSWORD };
    await client.mutate({ mutation: operations.RegisterDocument, variables: { input } });
    const { data } = await client.mutate({
      mutation: operations.LoginDocument,
      variables: { input: { emailOrUsername: username, password: PASSWORD } },
    });
    token = data?.login.accessToken;
    return token ?? '';
  },

  /** Goes on with the session of this browser; resolves with the name of who it is of. */
  async comeBack(): Promise<string | undefined> {
    const { data } = await client.mutate<{ refreshToken: { accessToken: string } }>({ mutation: REFRESH });
    token = data?.refreshToken.accessToken;
    return (await client.query({ query: operations.MeDocument })).data?.me.username;
  },

  /** Keeps `changes` up to date from now on. */
  async watch(): Promise<void> {
    client.subscribe({ query: operations.FileChangedDocument }).subscribe(({ data }) => {
      if (data) app.changes.push(`${data.fileChanged.kind} ${data.fileChanged.file?.originalName}`);
    });
  },

  async makeFolder(name: string): Promise<string | undefined> {
    const variables = { input: { name } };
    const { data } = await client.mutate({ mutation: operations.CreateFolderDocument, variables });
    return data?.createFolder.id;
  },

  /** Uploads the file that was picked, and follows that until its end; resolves with the file’s id. */
  async upload(folderId: string | null): Promise<string | undefined> {
    const [file] = document.querySelector<{ files: File[] }>('input').files;
    if (!file) throw new Error('no file was picked');
    const clientUploadId = crypto.randomUUID();
    const query = operations.UploadProgressDocument;
    const ended = new Promise<void>((complete, error) => {
      client.subscribe({ query, variables: { clientUploadId } }).subscribe({
        next: ({ data }) => void (data && app.progress.push(data.uploadProgress)),
        complete,
        error,
      });
    });
    const variables = { file, input: { folderId, clientUploadId } };
    const { data } = await client.mutate({ mutation: operations.UploadFileDocument, variables });
    await ended;
    return data?.uploadFile.id;
  },

  async list(folderId: string): Promise<string[] | undefined> {
    const variables = { filter: { folderId } };
    const { data } = await client.query({
      query: operations.FileListingDocument,
      variables,
      fetchPolicy: 'network-only',
    });
    return data?.files.nodes.map(({ originalName, fileSize }) => `${originalName} ${fileSize}`);
  },

  async share(fileId: string, input: operations.ShareFileInput): Promise<string | undefined | null> {
    const variables = { fileId, input };
    const { data } = await client.mutate({ mutation: operations.ShareFileByLinkDocument, variables });
    return data?.shareFile.url;
  },

  /** Shows the small preview of a picture. */
  async show(id: string): Promise<void> {
    const { data } = await client.query({ query: operations.FilePreviewsDocument, variables: { id } });
    document.querySelector<{ src: string }>('img').src = data?.file?.small ?? '';
  },
};

Object.assign(globalThis, { app });
