import { fileTypeFromBuffer, supportedMimeTypes } from 'file-type';
import { AppError } from '../../errors.ts';

/** Bytes of a file's beginning that decide its type. */
export const HEAD_BYTES = 64 * 1024;

/** Which types may be uploaded; entries are `type/subtype` or a family `type/*`, an empty `allowed` allows all. */
export interface TypePolicy {
  readonly allowed: readonly string[];
  readonly blocked: readonly string[];
}

// RFC 9110 section 8.3.1: media-type = type "/" subtype parameters; both are tokens.
const ESSENCE = /^[!#$%&'*+.^_`|~0-9a-z-]{1,127}\/[!#$%&'*+.^_`|~0-9a-z-]{1,127}$/;

const ZIP_BASED =
  /^application\/(?:vnd\.openxmlformats-officedocument\.|vnd\.oasis\.opendocument\.|vnd\.ms-|epub\+zip$|java-archive$|vnd\.android\.package-archive$)/;

/** The `type/subtype` of a media type, lower-case, without parameters; null when it is malformed. */
export function essenceOf(mediaType: string): string | null {
  const essence = (mediaType.split(';', 1)[0] ?? '').trim().toLowerCase();
  return ESSENCE.test(essence) ? essence : null;
}

/** The type of a content by its magic bytes where they tell, by the declared type only where they do not. */
export async function detectType(head: Uint8Array, declared: string): Promise<string> {
  const stated = essenceOf(declared) ?? 'application/octet-stream';
  const found = await magicType(head);
  if (found === 'application/zip' && ZIP_BASED.test(stated)) return stated;
  // A text format may well be XML; which one is beyond magic bytes.
  if (found === 'application/xml' && stated.endsWith('+xml')) return stated;
  if (found) return found;
  // Every image of these types begins with its magic bytes, so without them it is not that image.
  if (stated.startsWith('image/') && supportedMimeTypes.has(stated)) return 'application/octet-stream';
  return stated;
}

async function magicType(head: Uint8Array): Promise<string | undefined> {
  try {
    const found = await fileTypeFromBuffer(head);
    return found && (essenceOf(found.mime) ?? undefined);
  } catch {
    // A header that points beyond the head is as untold as no header.
    return undefined;
  }
}

/** Rejects a type the policy does not let in, with UNSUPPORTED_MEDIA_TYPE; parameters never matter. */
export function requireAllowedType(essence: string, policy: TypePolicy): void {
  const matches = (pattern: string) =>
    pattern === essence ||
    pattern === '*/*' ||
    (pattern.endsWith('/*') && essence.startsWith(pattern.slice(0, -1)));
  const refused =
    policy.blocked.some(matches) || (policy.allowed.length > 0 && !policy.allowed.some(matches));
  if (refused)
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', `Files of type ${essence} are not accepted here.`);
}
