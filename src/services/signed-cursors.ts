import type { Signer } from '../auth/signatures.ts';
import { AppError } from '../errors.ts';

/** Opaque, signed cursors of lists; each belongs to the list it was made for. */
export class SignedCursors {
  private readonly signer: Signer;

  constructor(signer: Signer) {
    this.signer = signer;
  }

  /** A cursor that names a place in a list by a few texts. */
  encode(list: string, place: readonly string[]): string {
    return this.signer.pack([list, ...place]);
  }

  /** The texts of a cursor; null without one, BAD_USER_INPUT when it was tampered with or belongs to another list. */
  decode(list: string, cursor: string | null | undefined): readonly string[] | null {
    if (cursor == null) return null;
    const [of, ...place] = (this.signer.unpack(cursor) ?? []) as string[];
    if (of === list) return place;
    const message = 'is not a cursor of this list';
    throw new AppError('BAD_USER_INPUT', `\`after\` ${message}.`, { issues: [{ field: 'after', message }] });
  }
}
