import type { Signer } from '../../auth/signatures.ts';
import { AppError } from '../../errors.ts';
import type { FileSortKey, StoredFile } from '../../models/file.ts';
import { type ObjectId, parseId } from '../../models/object-id.ts';

/** The order of a search by how well each file answers; files that answer as well come newest first. */
export const RELEVANCE = 'relevance';

/** One list order. */
export interface FileOrder {
  readonly field: FileSortKey | typeof RELEVANCE;
  readonly direction: 1 | -1;
}

/** A place in a list: the sorted field’s value and, for equal values, the id. */
export interface FilePosition {
  readonly value: Date | string | number;
  readonly id: ObjectId;
  /** By relevance: when it was made. */
  readonly at?: Date;
}

const KIND: Record<FileOrder['field'], 'date' | 'string' | 'number'> = {
  relevance: 'number',
  createdAt: 'date',
  updatedAt: 'date',
  sortName: 'string',
  fileSize: 'number',
  downloadCount: 'number',
};

/** Opaque, signed cursors; each belongs to the order it was made for. */
export class FileCursors {
  private readonly signer: Signer;

  constructor(signer: Signer) {
    this.signer = signer;
  }

  /** The cursor of one file in a list of this order. */
  encode(order: FileOrder, file: StoredFile & { readonly relevance?: number }): string {
    const value = order.field === RELEVANCE ? (file.relevance ?? 0) : file[order.field];
    const at = order.field === RELEVANCE ? [file.createdAt.getTime()] : [];
    const stored = value instanceof Date ? value.getTime() : value;
    return this.signer.pack([order.field, order.direction, stored, file._id.toHexString(), ...at]);
  }

  /** The place a cursor names; BAD_USER_INPUT when it was tampered with or belongs to another order. */
  decode(order: FileOrder, cursor: string, argument: 'after' | 'before'): FilePosition {
    const position = this.parse(order, cursor);
    if (position) return position;
    const message = 'is not a cursor of this list and order';
    throw new AppError('BAD_USER_INPUT', `\`${argument}\` ${message}.`, {
      issues: [{ field: argument, message }],
    });
  }

  private parse(order: FileOrder, cursor: string): FilePosition | null {
    const place = (this.signer.unpack(cursor) ?? []) as [unknown, unknown, string | number, unknown, number?];
    const [field, direction, value, hex, at] = place;
    const id = parseId(hex);
    if (field !== order.field || direction !== order.direction || !id) return null;
    const second = order.field === RELEVANCE ? { at: new Date(at ?? 0) } : {};
    return { id, value: KIND[order.field] === 'date' ? new Date(value) : value, ...second };
  }
}
