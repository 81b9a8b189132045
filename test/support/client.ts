import { randomBytes } from 'node:crypto';
import { type IncomingHttpHeaders, request } from 'node:http';

/** What the tests look at of an uploaded file. */
export interface FileAnswer {
  readonly id: string;
  readonly originalName: string;
  readonly fileName: string;
  readonly fileSize: number;
  readonly mimeType: string;
  readonly fileExtension: string;
  readonly fileHash: string;
  readonly uploadStatus: string;
}

/** One error of a GraphQL answer. */
export interface Failure {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions: { readonly code: string; readonly requestId?: string };
}

/** An answer over HTTP; `data` and `errors` as GraphQL has them. */
export interface Answer<T = Record<string, never>> {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly data: T | null;
  readonly errors: readonly Failure[];
}

/** An account that a test registered. */
export interface Account {
  readonly id: string;
  readonly token: string;
  readonly username: string;
  readonly password: string;
}

/** One part of a multipart body; `disposition` replaces the whole header's value. */
export interface Part {
  readonly name: string;
  readonly content: string | Buffer;
  readonly filename?: string;
  readonly type?: string;
  readonly disposition?: string;
}

const FIELDS = 'id originalName fileName fileSize mimeType fileExtension fileHash uploadStatus';
/** Uploads the variable `file`. */
export const UPLOAD_FILE = `mutation ($file: Upload!, $input: UploadFileInput) { uploadFile(file: $file, input: $input) { ${FIELDS} } }`;
/** Uploads the variables `files`. */
export const UPLOAD_FILES = `mutation ($files: [Upload!]!, $input: UploadFileInput) { uploadFiles(files: $files, input: $input) { ${FIELDS} } }`;
/** The boundary of every body made here. */
export const BOUNDARY = 'boundary-of-the-tests';

/** Sends one request with a whole body, on a connection of its own. */
export function send<T>(
  origin: string,
  options: { method?: string; path?: string; headers?: Record<string, string>; body?: string | Buffer },
): Promise<Answer<T>> {
  return new Promise((resolve, reject) => {
    const { method = 'POST', path = '/graphql', headers = {}, body = '' } = options;
    const outgoing = request(`${origin}${path}`, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString();
        const { data = null, errors = [] } = parsed<T>(text);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, data, errors });
      });
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

/** Runs an operation as JSON. */
export function gql<T>(origin: string, query: string, variables: object = {}, token?: string) {
  return send<T>(origin, {
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
}

/** Registers an account nobody else has. */
export async function register(origin: string): Promise<Account> {
  const username = `user_${randomBytes(6).toString('hex')}`;
  const password = 'correct horse battery';
  const answer = await gql<{ register: { accessToken: string; user: { id: string } } }>(
    origin,
    'mutation ($input: RegisterInput!) { register(input: $input) { accessToken user { id } } }',
    { input: { username, email: `${username}@example.org`, password } },
  );
  if (!answer.data) throw new Error(answer.text);
  const { accessToken, user } = answer.data.register;
  return { id: user.id, token: accessToken, username, password };
}

/** The headers an upload needs. */
export function uploadHeaders(token: string): Record<string, string> {
  return {
    'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
    'apollo-require-preflight': 'true',
    authorization: `Bearer ${token}`,
  };
}

/** Frames parts as a multipart body (RFC 7578). */
export function multipart(parts: readonly Part[]): Buffer {
  const framed = parts.flatMap((part) => [partHead(part), Buffer.from(part.content), Buffer.from('\r\n')]);
  return Buffer.concat([...framed, Buffer.from(`--${BOUNDARY}--\r\n`)]);
}

/** What stands before a part's content. */
export function partHead({ name, filename, type, disposition }: Omit<Part, 'content'>): Buffer {
  const file = filename === undefined ? '' : `; filename="${filename}"`;
  const value = disposition ?? `form-data; name="${name}"${file}`;
  const contentType = type === undefined ? '' : `content-type: ${type}\r\n`;
  return Buffer.from(`--${BOUNDARY}\r\ncontent-disposition: ${value}\r\n${contentType}\r\n`);
}

/** The two fields every upload begins with. */
export function operationParts(query: string, variables: object, map: object): Part[] {
  return [
    { name: 'operations', content: JSON.stringify({ query, variables }) },
    { name: 'map', content: JSON.stringify(map) },
  ];
}

/** Sends a multipart request whose parts are given. */
export function sendParts<T>(
  origin: string,
  token: string,
  parts: readonly Part[],
  headers: Record<string, string> = {},
): Promise<Answer<T>> {
  return send<T>(origin, { headers: { ...uploadHeaders(token), ...headers }, body: multipart(parts) });
}

/** Uploads one file as the part `0`. */
export function upload(
  origin: string,
  token: string,
  file: Omit<Part, 'name'>,
  input?: object,
): Promise<Answer<{ uploadFile: FileAnswer }>> {
  const fields = operationParts(UPLOAD_FILE, { file: null, input }, { 0: ['variables.file'] });
  return sendParts(origin, token, [...fields, { filename: 'file.bin', ...file, name: '0' }]);
}

/** Uploads several files in one request. */
export function uploadAll(
  origin: string,
  token: string,
  files: readonly Omit<Part, 'name'>[],
): Promise<Answer<{ uploadFiles: (FileAnswer | null)[] }>> {
  const variables = { files: files.map(() => null) };
  const map = Object.fromEntries(files.map((_, i) => [i, [`variables.files.${i}`]]));
  const parts = files.map((file, i) => ({ filename: `file-${i}.bin`, ...file, name: String(i) }));
  return sendParts(origin, token, [...operationParts(UPLOAD_FILES, variables, map), ...parts]);
}

/** Waits so many milliseconds. */
export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** What a GraphQL answer’s text says; nothing where it is none. */
export function parsed<T>(text: string): { data?: T | null; errors?: Failure[] } {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
