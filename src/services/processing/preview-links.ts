import type { Signer } from '../../auth/signatures.ts';
import { type ObjectId, parseId } from '../../models/object-id.ts';
import { requireSigned, type SignedExpiry } from '../signed-expiry.ts';
import type { Viewer } from '../viewer.ts';

/** The longest sides that previews have, in pixels. */
export const PREVIEW_SIZES = [128, 512, 1280] as const;

/** The query parameters of a preview’s signed URL, as a request brought them. */
export interface PreviewLinkParameters extends SignedExpiry {
  readonly by?: unknown;
  readonly of?: unknown;
}

/** Whose right a valid link carries. */
export interface PreviewGrant {
  readonly userId: ObjectId | null;
  /** The API key that asked for it, with which it ends. */
  readonly keyId: ObjectId | null;
}

const AN_HOUR = 3_600;

/**
 * Signed URLs of previews: bound to a file, a size, an expiry, and the account and the API key that asked. They are signed
 * by keys of their own, so that none is a link to a content.
 */
export class PreviewLinks {
  private readonly signer: Signer;
  private readonly baseUrl: () => string;

  constructor(signer: Signer, baseUrl: () => string) {
    this.signer = signer;
    this.baseUrl = baseUrl;
  }

  /**
   * A URL that works without headers for one to two hours: within an hour it is the same, so that browsers keep the
   * picture. `of` names the picture, of which another has another URL.
   */
  url(viewer: Pick<Viewer, 'userId' | 'key'> | null, fileId: string, pixels: number, of: ObjectId): string {
    const expires = String((Math.floor(Date.now() / 1000 / AN_HOUR) + 2) * AN_HOUR);
    const by = [viewer?.userId, viewer?.key?.id].flatMap((id) => id?.toHexString() ?? []).join('.');
    const version = of.toHexString();
    const signature = this.signer.sign(signedText(fileId, pixels, version, expires, by));
    const query = new URLSearchParams({ of: version, expires, ...(by && { by }), signature });
    return `${this.baseUrl()}/files/${fileId}/thumbnail/${pixels}?${query}`;
  }

  /** What the link grants; rejects a signature that is not ours with FORBIDDEN, an expired link with GONE. */
  verify(fileId: string, pixels: number, link: PreviewLinkParameters): PreviewGrant {
    const by = typeof link.by === 'string' ? link.by : '';
    const of = typeof link.of === 'string' ? link.of : '';
    const isOurs = by === (link.by ?? '') && of === link.of;
    requireSigned(this.signer, 'link', link, (expires) =>
      isOurs ? signedText(fileId, pixels, of, expires, by) : null,
    );
    const [userId, keyId] = by.split('.', 2).map(parseId);
    return { userId: userId ?? null, keyId: keyId ?? null };
  }
}

const signedText = (fileId: string, pixels: number, of: string, expires: string, by: string) =>
  ['preview', fileId, pixels, of, expires, by].join('\n');
