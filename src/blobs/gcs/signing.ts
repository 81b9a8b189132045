import { createHash } from 'node:crypto';
import type { GoogleAuth } from 'google-auth-library';

const ALGORITHM = 'GOOG4-RSA-SHA256';
const LONGEST_SECONDS = 7 * 24 * 3_600;

/** What a signed URL lets somebody do. */
export interface Grant {
  readonly method: 'GET' | 'PUT';
  readonly url: URL;
  readonly expiresInSeconds: number;
  /** Headers that the request must carry, in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Parameters that become part of the URL. */
  readonly query?: Readonly<Record<string, string>>;
}

/** RFC 3986 section 2.3: only unreserved characters stay as they are. */
const encoded = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

/**
 * A V4 signed URL for this and nothing else. The SDK’s own signer leaves the port out of `host`, so that it fits no
 * server but Google’s.
 */
export async function signedUrl(auth: GoogleAuth, grant: Grant): Promise<string> {
  const { method, url, expiresInSeconds } = grant;
  if (!(expiresInSeconds >= 1 && expiresInSeconds <= LONGEST_SECONDS)) {
    throw new RangeError('A signed URL lives from one second to seven days.');
  }
  const { client_email: email } = await auth.getCredentials();
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${time.slice(0, 8)}/auto/storage/goog4_request`;
  const headers = Object.entries({ host: url.host, ...grant.headers }).sort(byName);
  const signedHeaders = headers.map(([name]) => name).join(';');
  const query = Object.entries({
    'X-Goog-Algorithm': ALGORITHM,
    'X-Goog-Credential': `${email}/${scope}`,
    'X-Goog-Date': time,
    'X-Goog-Expires': String(Math.floor(expiresInSeconds)),
    'X-Goog-SignedHeaders': signedHeaders,
    ...grant.query,
  })
    .map(([name, value]): [string, string] => [encoded(name), encoded(value)])
    .sort(byName)
    .map((pair) => pair.join('='))
    .join('&');
  const canonical = [
    method,
    url.pathname,
    query,
    ...headers.map((pair) => pair.join(':')),
    '',
    signedHeaders,
    'UNSIGNED-PAYLOAD',
  ].join('\n');
  const hash = createHash('sha256').update(canonical).digest('hex');
  const signature = await auth.sign([ALGORITHM, time, scope, hash].join('\n'));
  return `${url.origin}${url.pathname}?${query}&X-Goog-Signature=${Buffer.from(signature, 'base64').toString('hex')}`;
}

function byName([a]: [string, string], [b]: [string, string]): number {
  return a < b ? -1 : 1;
}
