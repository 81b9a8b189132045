import { request } from 'node:http';
import { type Answer, type Failure, type FileAnswer, gql } from './client.ts';

/** One part of a ticket. */
export interface TicketPart {
  readonly number: number;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly start: number;
  readonly size: number;
}

/** A ticket as the API answers it. */
export interface Ticket {
  readonly id: string;
  readonly method: string;
  readonly url: string | null;
  readonly headers: Record<string, string>;
  readonly parts: readonly TicketPart[];
  readonly expiresAt: string;
}

const CREATE =
  'mutation ($input: CreateUploadInput!) { createUpload(input: $input) { id method url headers expiresAt parts { number url headers start size } } }';
const COMPLETE =
  'mutation ($id: ID!, $parts: [UploadedPartInput!]) { completeUpload(id: $id, parts: $parts) { id originalName fileName fileSize mimeType fileExtension fileHash uploadStatus } }';

/** A client of one account that sends its files by tickets. */
export class DirectClient {
  private readonly origin: string;
  private readonly token: string;

  constructor(origin: string, token: string) {
    this.origin = origin;
    this.token = token;
  }

  /** Asks for a ticket; the answer may be a refusal. */
  ask(input: object): Promise<Answer<{ createUpload: Ticket }>> {
    return gql(this.origin, CREATE, { input: { originalName: 'file.bin', ...input } }, this.token);
  }

  /** A ticket that must be given. */
  async ticket(input: object): Promise<Ticket> {
    const { data, text } = await this.ask(input);
    if (!data) throw new Error(text);
    return data.createUpload;
  }

  /** Sends every part of the content, one after another. */
  async send({ method, parts }: Ticket, content: Buffer): Promise<void> {
    for (const { url, headers, start, size } of parts) {
      const { status, text } = await sendPart(url, content.subarray(start, start + size), {
        method,
        headers,
      });
      if (status < 200 || status > 299) throw new Error(`A part was refused with ${status}: ${text}`);
    }
  }

  /** A ticket with every part sent. */
  async sent(content: Buffer, input: object = {}): Promise<Ticket> {
    const ticket = await this.ticket({ fileSize: content.length, ...input });
    await this.send(ticket, content);
    return ticket;
  }

  complete(id: string, numbers?: readonly number[]): Promise<Answer<{ completeUpload: FileAnswer }>> {
    const parts = numbers?.map((number) => ({ number }));
    return gql(this.origin, COMPLETE, { id, parts }, this.token);
  }

  cancel(id: string): Promise<Answer<{ cancelUpload: boolean }>> {
    return gql(this.origin, 'mutation ($id: ID!) { cancelUpload(id: $id) }', { id }, this.token);
  }

  /** The whole way, as far as it leads. */
  async upload(
    content: Buffer,
    input: object = {},
  ): Promise<{ file?: FileAnswer; errors: readonly Failure[] }> {
    const { data, errors } = await this.ask({ fileSize: content.length, ...input });
    if (!data) return { errors };
    await this.send(data.createUpload, content);
    const completed = await this.complete(data.createUpload.id);
    return { errors: completed.errors, ...(completed.data && { file: completed.data.completeUpload }) };
  }
}

/** The text of an answer to a part, with the code of its error. */
export interface PartAnswer {
  readonly status: number;
  readonly code: string | undefined;
  readonly headers: Record<string, unknown>;
  readonly text: string;
}

/** Sends one part with exactly these headers beside its length. */
export function sendPart(
  url: string,
  content: Buffer | string,
  options: { method?: string; headers?: Record<string, string | number> } = {},
): Promise<PartAnswer> {
  return new Promise((resolve, reject) => {
    const { method = 'PUT', headers = { 'content-length': Buffer.byteLength(content) } } = options;
    const length = 'transfer-encoding' in headers ? {} : { 'content-length': Buffer.byteLength(content) };
    const outgoing = request(
      url,
      { method, headers: { ...length, ...headers }, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          const text = Buffer.concat(chunks).toString();
          const code = /"code":"([A-Z_]+)"/.exec(text)?.[1];
          resolve({ status: response.statusCode ?? 0, code, headers: response.headers, text });
        });
      },
    );
    outgoing.once('error', reject);
    outgoing.end(content);
  });
}
