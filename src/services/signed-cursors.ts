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
    const payload = Buffer.from(JSON.stringify([list, ...place])).toString('base64url');
    return `${payload}.${this.signer.sign(payload)}`;
  }

  /** The texts of a cursor; null without one, BAD_USER_INPUT when it was tampered with or belongs to another list. */
  decode(list: string, cursor: string | null | undefined): readonly string[] | null {
    if (cursor == null) return null;
    const dot = cursor.indexOf('.');
    const payload = cursor.slice(0, Math.max(dot, 0));
    if (dot > 0 && this.signer.verify(payload, cursor.slice(dot + 1))) {
      const [of, ...place] = JSON.parse(Buffer.from(payload, 'base64url').toString()) as string[];
      if (of === list) return place;
    }
    const message = 'is not a cursor of this list';
    throw new AppError('BAD_USER_INPUT', `\`after\` ${message}.`, { issues: [{ field: 'after', message }] });
  }
}
