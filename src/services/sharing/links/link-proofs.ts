import type { Signer } from '../../../auth/signatures.ts';
import type { ShareLink } from '../../../models/share-link.ts';

type Guarded = Pick<ShareLink, '_id' | 'passwordHash'>;

/**
 * What shows that somebody gave a link’s password, so that it need not be sent again: bound to the link and to this
 * very password, with an end of its own.
 */
export class LinkProofs {
  private readonly signer: Signer;

  constructor(signer: Signer) {
    this.signer = signer;
  }

  /** A proof that holds for so many seconds. */
  give(link: Guarded, seconds: number): string {
    const expires = Math.floor(Date.now() / 1000) + seconds;
    return `${expires}.${this.signer.sign(signedText(link, expires))}`;
  }

  /** Whether this is a proof of the password that the link has now; true for every link without one. */
  holds(link: Guarded, proof: unknown): boolean {
    if (!link.passwordHash) return true;
    const [, expires, signature] = /^(\d{1,12})\.(.{43})$/.exec(typeof proof === 'string' ? proof : '') ?? [];
    if (Number(expires ?? 0) * 1000 <= Date.now()) return false;
    return this.signer.verify(signedText(link, Number(expires)), signature);
  }
}

const signedText = ({ _id, passwordHash }: Guarded, expires: number) =>
  [_id.toHexString(), passwordHash, expires].join('\n');
