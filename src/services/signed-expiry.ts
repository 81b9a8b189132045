import type { Signer } from '../auth/signatures.ts';
import { AppError } from '../errors.ts';

/** The query parameters of a signed address that ends, as a request brought them. */
export interface SignedExpiry {
  /** Seconds since 1970. */
  readonly expires?: unknown;
  readonly signature?: unknown;
}

/**
 * Lets pass what was signed with its end, and has not ended; else FORBIDDEN or GONE, in words about this kind of address.
 * `textOf` gives the text that the signature must be of, or null where the request cannot be one of ours.
 */
export function requireSigned(
  signer: Signer,
  kind: 'link' | 'address',
  { expires, signature }: SignedExpiry,
  textOf: (expires: string) => string | null,
): void {
  const text = typeof expires === 'string' && /^\d{1,12}$/.test(expires) ? textOf(expires) : null;
  if (text === null || !signer.verify(text, signature)) {
    throw new AppError('FORBIDDEN', `The ${kind}’s signature is not valid.`);
  }
  if (Number(expires) * 1000 <= Date.now()) throw new AppError('GONE', `The ${kind} has expired.`);
}
