import { invalid } from '../../accounts/account-rules.ts';
import { checkedSettings } from '../links/link-settings.ts';

/** What an upload request is to be like, as a client says it; an absent field is left as it is, or as is usual. */
export interface RequestSettings {
  /** Hours from now; null is never. */
  readonly expiryHours?: number | null | undefined;
  /** Null is none. */
  readonly password?: string | null | undefined;
  readonly note?: string | null | undefined;
  /** Null is any number. */
  readonly maxFiles?: number | null | undefined;
  /** Bytes; null is what the service allows. */
  readonly maxFileSize?: number | null | undefined;
  /** Media types, or families such as `image/*`; null or empty is every type. */
  readonly allowedTypes?: readonly string[] | null | undefined;
}

/** The stored fields that settings change, but for the password, which has yet to be hashed. */
export interface CheckedRequestSettings {
  expiresAt?: Date | null;
  note?: string | null;
  maxFiles?: number | null;
  maxFileSize?: number | null;
  allowedTypes?: string[];
}

/** Hours until a request ends where nothing is said: a week. */
export const USUAL_REQUEST_HOURS = 168;
/** The most files that a request can be bounded to. */
export const MOST_REQUESTED = 100_000;
const MOST_TYPES = 50;

// RFC 9110 section 8.3.1: media-type = type "/" subtype; both are tokens.
const TYPE = /^[!#$&^_.+0-9a-z-]{1,64}\/(?:\*|[!#$&^_.+0-9a-z-]{1,127})$/;

/** What the settings make of a request, or BAD_USER_INPUT on the field that cannot be. */
export function checkedRequestSettings(settings: RequestSettings, now: Date): CheckedRequestSettings {
  const { expiryHours, note, maxFiles, maxFileSize, allowedTypes } = settings;
  const checked: CheckedRequestSettings = checkedSettings({ expiryHours, note }, now);
  if (maxFiles !== undefined) checked.maxFiles = within('maxFiles', maxFiles, MOST_REQUESTED);
  if (maxFileSize !== undefined) {
    checked.maxFileSize = within('maxFileSize', maxFileSize, Number.MAX_SAFE_INTEGER);
  }
  if (allowedTypes !== undefined) checked.allowedTypes = checkedTypes(allowedTypes ?? []);
  return checked;
}

function within(field: string, value: number | null, most: number): number | null {
  if (value === null) return null;
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw invalid(field, `\`${field}\` must lie between 1 and ${most}.`);
}

function checkedTypes(types: readonly string[]): string[] {
  const clean = [...new Set(types.map((type) => type.trim().toLowerCase()))];
  if (clean.length > MOST_TYPES)
    throw invalid('allowedTypes', `\`allowedTypes\` has at most ${MOST_TYPES} types.`);
  const wrong = clean.find((type) => !TYPE.test(type));
  if (wrong !== undefined)
    throw invalid(
      'allowedTypes',
      'Each of `allowedTypes` is a media type such as `image/png`, or a family such as `image/*`.',
    );
  return clean;
}
