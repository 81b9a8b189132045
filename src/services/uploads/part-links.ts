import type { Signer } from '../../auth/signatures.ts';
import { requireSigned, type SignedExpiry } from '../signed-expiry.ts';

/** The query parameters of a part’s address, as a request brought them. */
export type PartLinkParameters = SignedExpiry;

/** Our own addresses for the parts of direct uploads, for stores whose provider has none: each for one part of one ticket. */
export class PartLinks {
  private readonly signer: Signer;
  private readonly baseUrl: () => string;

  constructor(signer: Signer, baseUrl: () => string) {
    this.signer = signer;
    this.baseUrl = baseUrl;
  }

  /** A URL that takes one PUT of this part, or several, until then. */
  partUrl(ticket: string, number: number, expiresAt: Date): string {
    const expires = String(Math.floor(expiresAt.getTime() / 1000));
    const signature = this.signer.sign(signedText(ticket, String(number), expires));
    const query = new URLSearchParams({ expires, signature });
    return `${this.baseUrl()}/uploads/${ticket}/parts/${number}?${query}`;
  }

  /** Rejects an address that is not one of ours with FORBIDDEN, and one whose time is over with GONE. */
  verify(ticket: string, number: string, link: PartLinkParameters): void {
    requireSigned(this.signer, 'address', link, (expires) => signedText(ticket, number, expires));
  }
}

const signedText = (ticket: string, number: string, expires: string) => [ticket, number, expires].join('\n');
