import { invalid } from '../../accounts/account-rules.ts';
import { visibleText } from '../../visible-text.ts';

/** What a link is to be like, as a client says it; an absent field is left as it is, or as is usual. */
export interface LinkSettings {
  /** Hours from now; null is never. */
  readonly expiryHours?: number | null | undefined;
  /** Null is none. */
  readonly password?: string | null | undefined;
  /** Null is any number. */
  readonly maxDownloads?: number | null | undefined;
  readonly allowDownload?: boolean | null | undefined;
  readonly note?: string | null | undefined;
}

/** The stored fields that settings change, but for the password, which has yet to be hashed. */
export interface CheckedSettings {
  expiresAt?: Date | null;
  maxDownloads?: number | null;
  allowDownload?: boolean;
  note?: string | null;
}

/** Hours until a link ends where nothing is said. */
export const USUAL_HOURS = 24;
/** A year. */
export const MOST_HOURS = 8_760;
/** The most downloads that a link can be bounded to. */
export const MOST_DOWNLOADS = 1_000_000;
/** The least and the most characters of a link’s password: it guards a secret address, and few tries are answered. */
export const LINK_PASSWORD = { min: 4, max: 200 } as const;
/** The most characters of a note. */
export const NOTE_LENGTH = 500;

const HOUR_MS = 3_600_000;

/** What the settings make of a link, or BAD_USER_INPUT on the field that cannot be. */
export function checkedSettings(settings: LinkSettings, now: Date): CheckedSettings {
  const { expiryHours, maxDownloads, allowDownload, note } = settings;
  const checked: CheckedSettings = {};
  if (expiryHours !== undefined) checked.expiresAt = endAfter(expiryHours, now);
  if (maxDownloads !== undefined) {
    checked.maxDownloads = within('maxDownloads', maxDownloads, MOST_DOWNLOADS);
  }
  if (allowDownload != null) checked.allowDownload = allowDownload;
  if (note !== undefined) checked.note = checkedNote(note);
  return checked;
}

/** A password that a link may have, or BAD_USER_INPUT. */
export function checkedLinkPassword(password: string): string {
  const { min, max } = LINK_PASSWORD;
  const length = password.length > 2 * max ? password.length : [...password].length;
  if (length >= min && length <= max) return password;
  throw invalid('password', `A link’s password has ${min} to ${max} characters.`);
}

function endAfter(hours: number | null, now: Date): Date | null {
  const checked = within('expiryHours', hours, MOST_HOURS);
  return checked === null ? null : new Date(now.getTime() + checked * HOUR_MS);
}

function within(field: string, value: number | null, most: number): number | null {
  if (value === null) return null;
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw invalid(field, `\`${field}\` must lie between 1 and ${most}.`);
}

function checkedNote(raw: string | null): string | null {
  // Lines stay lines; what else cannot be seen goes.
  const note = (raw ?? '').split(/\r?\n/).map(visibleText).join('\n').trim();
  if ([...note].length > NOTE_LENGTH) throw invalid('note', `A note has at most ${NOTE_LENGTH} characters.`);
  return note === '' ? null : note;
}
