import { Readable } from 'node:stream';
import type { Signer } from '../../auth/signatures.ts';
import { AppError } from '../../errors.ts';
import { AuditAction } from '../../models/audit-event.ts';
import { type ObjectId, parseId } from '../../models/object-id.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { RateLimits } from '../limits/rate-limits.ts';
import { USABLE } from '../sessions/sessions.ts';
import { requireSigned, type SignedExpiry } from '../signed-expiry.ts';
import type { Viewer } from '../viewer.ts';
import type { AccountWatch } from './account-watch.ts';
import { type ExportSources, exportedDocument } from './exported-document.ts';

/** Where an export can be fetched, and until when. */
export interface ExportLink {
  readonly url: string;
  readonly expiresAt: Date;
}

/** The query parameters of an export’s URL, as a request brought them. */
export type ExportParameters = SignedExpiry;

/** What exports are made with. */
export interface DataExportParts extends ExportSources {
  readonly signer: Signer;
  readonly baseUrl: () => string;
  readonly limits: RateLimits;
  readonly audit: AuditTrail;
  readonly watch: Pick<AccountWatch, 'stream'>;
}

const LIFETIME_MS = 10 * 60_000;
const CHUNK_LENGTH = 32 * 1024;

/** Hands an account everything that is held of it. */
export class DataExports {
  private readonly parts: DataExportParts;
  private readonly running = new Set<string>();

  constructor(parts: DataExportParts) {
    this.parts = parts;
  }

  /** A URL that works without headers for ten minutes, and not once the account is shut out; RATE_LIMITED after ten an hour. */
  async link({ userId }: Viewer): Promise<ExportLink> {
    const id = userId.toHexString();
    await this.parts.limits.spend('exports', id);
    const seconds = Math.floor((Date.now() + LIFETIME_MS) / 1000);
    const signature = this.parts.signer.sign(signedText(id, String(seconds)));
    const query = new URLSearchParams({ expires: String(seconds), signature });
    return {
      url: `${this.parts.baseUrl()}/exports/${id}?${query}`,
      expiresAt: new Date(seconds * 1000),
    };
  }

  /**
   * The document, made while it is read, and a name for it; the text must be read or destroyed. FORBIDDEN for a signature that is not ours, GONE once it has
   * expired, NOT_FOUND without a usable account, RATE_LIMITED while another one is being made for it.
   */
  async open(id: string, parameters: ExportParameters): Promise<{ fileName: string; text: Readable }> {
    const userId = this.verified(id, parameters);
    const user = await this.parts.collections.users
      .findOne({ _id: userId, ...USABLE }, { username: 1 })
      .lean();
    if (!user) throw new AppError('NOT_FOUND', 'There is no such account.');
    if (this.running.has(id)) {
      throw new AppError('RATE_LIMITED', 'This export is being made already.', { retryAfter: 10 });
    }
    this.running.add(id);
    await this.parts.audit.record({ action: AuditAction.DATA_EXPORTED, by: { userId } });
    const fileName = `imaginaryStorage-${user.username}-${today()}.json`;
    return { fileName, text: this.made(id, userId) };
  }

  /** The document as it is read; it ends, unfinished, when the account does. */
  private made(id: string, userId: ObjectId): Readable {
    const text = Readable.from(inChunks(exportedDocument(this.parts, userId)), { objectMode: false });
    text.once('close', () => this.running.delete(id));
    this.parts.watch.stream({ userId }, text);
    return text;
  }

  private verified(id: string, parameters: ExportParameters): ObjectId {
    const userId = parseId(id);
    requireSigned(this.parts.signer, 'link', parameters, (expires) => userId && signedText(id, expires));
    return userId as ObjectId;
  }
}

async function* inChunks(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let chunk = '';
  for await (const piece of pieces) {
    chunk += piece;
    if (chunk.length < CHUNK_LENGTH) continue;
    yield chunk;
    chunk = '';
  }
  yield chunk;
}

const today = () => new Date().toISOString().slice(0, 10);
const signedText = (id: string, expires: string) => `${id}\n${expires}`;
