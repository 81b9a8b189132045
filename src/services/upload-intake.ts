import { createHash } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import { AppError } from '../errors.ts';
import { detectType, HEAD_BYTES, requireAllowedType, type TypePolicy } from './content-type.ts';
import type { Reservation } from './quota.ts';

// How far the reservation runs ahead of the bytes, so that a large upload asks the database seldom.
const RESERVE_AHEAD_BYTES = 32 * 1024 * 1024;

/** What an upload must keep to, beside its owner's quota. */
export interface IntakeRules {
  /** The most bytes one file may have. */
  readonly maxFileSize: number;
  readonly types: TypePolicy;
}

/** What was learnt of the content while it streamed through; `mimeType` is known before the first byte leaves. */
export interface IntakeResult {
  /** Bytes. */
  readonly size: number;
  /** SHA-256, lower-case hex. */
  readonly hash: string;
  readonly mimeType: string;
}

/**
 * The checks of an upload as one stream: size limit, type, quota and SHA-256, in that order and before any byte goes
 * on to the store. A broken rule destroys it with the AppError. It holds at most the file's head.
 */
export class UploadIntake extends Transform {
  private readonly rules: IntakeRules;
  private readonly declaredType: string;
  private readonly reservation: Reservation;
  private readonly registered: Promise<unknown>;
  private readonly sha256 = createHash('sha256');
  private head: Buffer[] | null = [];
  private size = 0;
  private mimeType = '';

  /** No byte goes on before `registered` resolves: the document that tells of them comes first. */
  constructor(
    rules: IntakeRules,
    declaredType: string,
    reservation: Reservation,
    registered: Promise<unknown>,
  ) {
    super({ highWaterMark: 1024 * 1024 });
    this.rules = rules;
    this.declaredType = declaredType;
    this.reservation = reservation;
    this.registered = registered;
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
    if (this.size > this.rules.maxFileSize) {
      callback(tooLarge(this.rules.maxFileSize));
    } else if (this.head) {
      this.head.push(chunk);
      if (this.size < HEAD_BYTES) callback();
      else settle(this.admit(RESERVE_AHEAD_BYTES), callback);
    } else if (this.reservation.covers(this.size)) {
      this.sha256.update(chunk);
      callback(null, chunk);
    } else {
      settle(
        this.reservation.cover(this.size, RESERVE_AHEAD_BYTES).then(() => this.pass(chunk)),
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
    this.mimeType = await detectType(head, this.declaredType);
    requireAllowedType(this.mimeType, this.rules.types);
    await Promise.all([this.registered, this.reservation.cover(this.size, reserveAhead)]);
    if (head.length > 0) this.pass(head);
  }

  private pass(chunk: Buffer): void {
    this.sha256.update(chunk);
    this.push(chunk);
  }
}

/** The error of a file that has more bytes than a file may have. */
export function tooLarge(maxFileSize: number): AppError {
  return new AppError('PAYLOAD_TOO_LARGE', `The file is larger than the limit of ${maxFileSize} bytes.`);
}

function settle(work: Promise<unknown>, callback: TransformCallback): void {
  work.then(() => callback(), callback);
}
