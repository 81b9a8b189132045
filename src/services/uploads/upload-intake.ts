import { createHash } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import { AppError } from '../../errors.ts';
import type { Reservation } from '../quota.ts';
import type { UploadScan } from '../scanning/upload-scan.ts';
import { detectType, HEAD_BYTES, requireAllowedType, type TypePolicy } from './content-type.ts';

// Two of the chunks that sockets deliver keep the store busy; more would only lie about.
const BUFFERED_BYTES = 128 * 1024;
// How far the reservation runs ahead of the bytes, so that a large upload asks the database seldom.
const RESERVE_AHEAD_BYTES = 32 * 1024 * 1024;

/** What an upload must keep to, beside its owner's quota. */
export interface IntakeRules {
  /** The most bytes one file may have. */
  readonly maxFileSize: number;
  readonly types: TypePolicy;
  /** What the type must be let in by as well. */
  readonly alsoTypes?: TypePolicy;
}

/** Rules for some uploads alone; null is what the service allows. */
export interface NarrowerRules {
  readonly maxFileSize: number | null;
  readonly types: TypePolicy;
}

/** The rules that both hold. */
export function narrowed(rules: IntakeRules, { maxFileSize, types }: NarrowerRules): IntakeRules {
  const most = Math.min(rules.maxFileSize, maxFileSize ?? Number.POSITIVE_INFINITY);
  return { ...rules, maxFileSize: most, alsoTypes: types };
}

/** What was learnt of the content while it streamed through; `mimeType` is known before the first byte leaves. */
export interface IntakeResult {
  /** Bytes. */
  readonly size: number;
  /** SHA-256, lower-case hex. */
  readonly hash: string;
  readonly mimeType: string;
}

/** What one file’s intake needs. */
export interface IntakeParts {
  readonly rules: IntakeRules;
  readonly declaredType: string;
  readonly reservation: Reservation;
  /** No byte goes on before it resolves: the document that tells of them comes first. */
  readonly registered: Promise<unknown>;
  /** What is shown every byte that goes on to the store, beside it. */
  readonly scan?: UploadScan | null;
  onBytes(bytes: number): void;
}

/**
 * The checks of an upload as one stream: size limit, type, quota and SHA-256, in that order and before any byte goes
 * on to the store; a scanner that looks on is waited for, chunk by chunk. A broken rule destroys it with the AppError.
 * It holds at most the file's head.
 */
export class UploadIntake extends Transform {
  private readonly parts: IntakeParts;
  private readonly sha256 = createHash('sha256');
  private head: Buffer[] | null = [];
  private size = 0;
  private mimeType = '';

  constructor(parts: IntakeParts) {
    super({ highWaterMark: BUFFERED_BYTES });
    this.parts = parts;
  }

  /** Bytes received so far. */
  get received(): number {
    return this.size;
  }

  /** What was learnt; only once the stream has ended. */
  result(): IntakeResult {
    return { size: this.size, hash: this.sha256.digest('hex'), mimeType: this.mimeType };
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.size += chunk.length;
    this.parts.onBytes(chunk.length);
    if (this.size > this.parts.rules.maxFileSize) {
      callback(tooLarge(this.parts.rules.maxFileSize));
    } else if (this.head) {
      this.head.push(chunk);
      if (this.size < HEAD_BYTES) callback();
      else settle(this.admit(RESERVE_AHEAD_BYTES), callback);
    } else if (this.parts.reservation.covers(this.size)) {
      const looking = this.pass(chunk);
      if (looking) settle(looking, callback);
      else callback();
    } else {
      settle(
        this.parts.reservation.cover(this.size, RESERVE_AHEAD_BYTES).then(() => this.pass(chunk)),
        callback,
      );
    }
  }

  override _flush(callback: TransformCallback): void {
    // The whole file lies in its head, so exactly its bytes are reserved.
    if (this.head) settle(this.admit(0), callback);
    else callback();
  }

  private async admit(reserveAhead: number): Promise<void> {
    const head = Buffer.concat(this.head ?? []);
    this.head = null;
    this.mimeType = await detectType(head, this.parts.declaredType);
    const { types, alsoTypes } = this.parts.rules;
    requireAllowedType(this.mimeType, types);
    if (alsoTypes) requireAllowedType(this.mimeType, alsoTypes);
    await Promise.all([this.parts.registered, this.parts.reservation.cover(this.size, reserveAhead)]);
    if (head.length > 0) await this.pass(head);
  }

  /** Sends the chunk on; resolves once the scanner has room for more, where that is not so at once. */
  private pass(chunk: Buffer): Promise<void> | undefined {
    this.sha256.update(chunk);
    this.push(chunk);
    return this.parts.scan?.write(chunk);
  }
}

/** The error of a file that has more bytes than a file may have. */
export function tooLarge(maxFileSize: number): AppError {
  return new AppError('PAYLOAD_TOO_LARGE', `The file is larger than the limit of ${maxFileSize} bytes.`);
}

function settle(work: Promise<unknown>, callback: TransformCallback): void {
  work.then(() => callback(), callback);
}
