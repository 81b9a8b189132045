import { create } from 'content-disposition';

/** What a download tells of a file; everything in it may be chosen by a stranger. */
export interface ServedFile {
  originalName: string;
  mimeType: string;
  isPublic: boolean;
}

/** How a client asks to get a file: shown in the browser, or saved. */
export type Disposition = 'inline' | 'attachment';

interface ContentOptions {
  /** The request's URL carries its own signature, so any page that was given it may embed the file. */
  isSignedUrl?: boolean;
}

/**
 * The headers that every answer with a file's bytes carries (200, 206, 304 and HEAD), such that no name or type makes
 * a browser run what was uploaded: only types known to be inert are ever shown inline.
 */
export function contentHeaders(
  file: ServedFile,
  disposition: Disposition,
  { isSignedUrl = false }: ContentOptions = {},
): Record<string, string> {
  const contentType = safeContentType(file.mimeType);
  const mayShow = disposition === 'inline' && isInert(contentType);
  return {
    'Content-Type': contentType,
    'Content-Disposition': contentDisposition(file.originalName, mayShow ? 'inline' : 'attachment'),
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "sandbox; default-src 'none'",
    'Cross-Origin-Resource-Policy': file.isPublic || isSignedUrl ? 'cross-origin' : 'same-origin',
    'Accept-Ranges': 'bytes',
    'Cache-Control': file.isPublic ? SHARED_BRIEFLY : REVALIDATED,
  };
}

// RFC 9111, 5.2.2.4: "the response MUST NOT be used to satisfy any other request without forwarding it for validation
// and receiving a successful response", so every use of a kept copy is authorised anew. Not no-store, which would fetch
// a whole video again for each seek. no-transform, as the ETag and the SHA-256 hold for these very bytes.
const REVALIDATED = 'private, no-cache, no-transform';

// A file can be made private, trashed or found infected at any time: a minute is how long copies may outlive that.
// RFC 9111, 5.2.2.2: "once the response has become stale, a cache MUST NOT reuse that response to satisfy another
// request until it has been successfully validated by the origin".
const SHARED_BRIEFLY = 'public, max-age=60, must-revalidate, no-transform';

// Only a valid media type is sent on; of its parameters only the charset of a text stays, and none is ever guessed.
function safeContentType(mimeType: string): string {
  const [essence, ...parameters] = mimeType
    .split(';', MAX_PARAMETERS)
    .map((part) => part.trim().toLowerCase());
  if (essence === undefined || !MEDIA_TYPE.test(essence)) return 'application/octet-stream';
  const charset = essence.startsWith('text/')
    ? parameters.find((parameter) => CHARSET.test(parameter))
    : undefined;
  return charset === undefined ? essence : `${essence}; ${charset.replaceAll('"', '')}`;
}

const MAX_PARAMETERS = 8;

// RFC 6838, 4.2: restricted-name = restricted-name-first *126restricted-name-chars
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/;
const CHARSET = /^charset=(?:[a-z0-9._-]{1,40}|"[a-z0-9._-]{1,40}")$/;

// A list of what may, not of what may not: every type that can run or load something stays out unheard.
function isInert(contentType: string): boolean {
  return INERT.has(contentType.split(';', 1)[0] ?? '');
}

const INERT = new Set([
  'text/plain',
  ...['apng', 'avif', 'bmp', 'gif', 'heic', 'heif', 'jpeg', 'jxl', 'png', 'tiff', 'webp'].map(
    (it) => `image/${it}`,
  ),
  ...['vnd.microsoft.icon', 'x-icon', 'x-ms-bmp'].map((it) => `image/${it}`),
  ...['3gpp', 'aac', 'flac', 'mp4', 'mpeg', 'ogg', 'opus', 'wav', 'webm'].map((it) => `audio/${it}`),
  ...['vnd.wave', 'x-flac', 'x-m4a', 'x-wav'].map((it) => `audio/${it}`),
  ...['3gpp', 'mp4', 'mpeg', 'ogg', 'quicktime', 'webm', 'matroska', 'x-m4v', 'x-matroska'].map(
    (it) => `video/${it}`,
  ),
]);

function contentDisposition(originalName: string, type: Disposition): string {
  return create(plainName(originalName), { type });
}

// RFC 6266, 4.3, leaves it to recipients to distrust path separators, and not all do; the bidirectional controls can
// make "exe.jpg" of what ends in "gpj.exe"; encoding a lone surrogate would throw.
function plainName(originalName: string): string {
  const name = originalName
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')
    .replace(/[\p{Cc}\u2028\u2029/\\]/gu, '_')
    .trim();
  return /^\.*$/.test(name) ? 'download' : shortened(name);
}

// No file system takes more than 255 units, and proxies refuse heads of 4 KiB; the extension tells how to open it.
function shortened(name: string): string {
  if (name.length <= MAX_NAME) return name;
  const extension = /\.[^.]{1,16}$/.exec(name)?.[0] ?? '';
  return name.slice(0, MAX_NAME - extension.length).replace(/[\ud800-\udbff]$/, '') + extension;
}

const MAX_NAME = 255;
