import type { Signer } from '../../auth/signatures.ts';
import { AppError } from '../../errors.ts';
import { type ObjectId, parseId } from '../../models/object-id.ts';
import { requireSigned, type SignedExpiry } from '../signed-expiry.ts';
import type { Viewer } from '../viewer.ts';

/** How a browser treats the content: shown in the page, or saved. */
export type Disposition = 'inline' | 'attachment';

/** The query parameters of a signed URL, as a request brought them. */
export interface LinkParameters extends SignedExpiry {
  readonly disposition?: unknown;
  readonly by?: unknown;
  /** The id of an earlier content. */
  readonly version?: unknown;
}

/** What a valid link grants: this file’s content, as this account may fetch it. */
export interface LinkGrant {
  readonly viewer: Pick<Viewer, 'userId'> | null;
  /** The API key that asked for it, with which it ends. */
  readonly keyId: ObjectId | null;
  readonly disposition: Disposition;
}

/** The shortest time a link may work for. */
export const MIN_LINK_SECONDS = 1;
/** Seven days. */
export const MAX_LINK_SECONDS = 7 * 24 * 60 * 60;

/** Signed URLs: bound to a file, a disposition, an expiry, and the account and the API key that asked. */
export class LinkService {
  private readonly signer: Signer;
  private readonly baseUrl: () => string;

  constructor(signer: Signer, baseUrl: () => string) {
    this.signer = signer;
    this.baseUrl = baseUrl;
  }

  /** A URL of the file’s content, or of an earlier one, that works without headers for so many seconds. */
  contentUrl(
    viewer: Pick<Viewer, 'userId' | 'key'> | null,
    fileId: string,
    expiresInSeconds: number,
    disposition: Disposition,
    version?: string,
  ): string {
    if (!(expiresInSeconds >= MIN_LINK_SECONDS && expiresInSeconds <= MAX_LINK_SECONDS)) {
      const message = `must lie between ${MIN_LINK_SECONDS} and ${MAX_LINK_SECONDS}`;
      throw new AppError('BAD_USER_INPUT', `expiresInSeconds ${message}.`, {
        issues: [{ field: 'expiresInSeconds', message }],
      });
    }
    const expires = String(Math.floor(Date.now() / 1000) + expiresInSeconds);
    const by = [viewer?.userId, viewer?.key?.id].flatMap((id) => id?.toHexString() ?? []).join('.');
    const signature = this.signer.sign(signedText(contentName(fileId, version), disposition, expires, by));
    const query = new URLSearchParams({
      ...(version && { version }),
      disposition,
      expires,
      ...(by && { by }),
      signature,
    });
    return `${this.baseUrl()}/files/${fileId}/content?${query}`;
  }

  /** What the link grants; rejects a signature that is not ours with FORBIDDEN, an expired link with GONE. */
  verify(fileId: string, link: LinkParameters): LinkGrant {
    const by = typeof link.by === 'string' ? link.by : '';
    const disposition = link.disposition === 'inline' ? 'inline' : 'attachment';
    const isOurs = disposition === link.disposition && by === (link.by === undefined ? '' : link.by);
    requireSigned(this.signer, 'link', link, (expires) =>
      isOurs ? signedText(contentName(fileId, link.version), disposition, expires, by) : null,
    );
    const [userId, keyId] = by.split('.', 2).map(parseId);
    return { viewer: userId ? { userId } : null, keyId: keyId ?? null, disposition };
  }
}

// No id of a file has an @ in it, so that no address of a version can be read as one of a file.
const contentName = (fileId: string, version: unknown) =>
  version === undefined ? fileId : `${fileId}@${String(version)}`;

const signedText = (fileId: string, disposition: string, expires: string, by: string) =>
  [fileId, disposition, expires, by].join('\n');
