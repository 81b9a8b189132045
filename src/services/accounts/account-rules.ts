import { isEmail } from 'class-validator';
import { AppError } from '../../errors.ts';
import { isDuplicateKey, type ObjectId } from '../../models/object-id.ts';

/** The form of a username. */
export const USERNAME = /^[A-Za-z0-9_]{3,30}$/;
/** The most characters an email address may have. */
export const EMAIL_LENGTH = 254;
/** The least and the most characters of a password. */
export const PASSWORD_LENGTH = { min: 8, max: 200 } as const;
/** The most characters of a given or family name. */
export const NAME_LENGTH = 50;

/** The username as sent, or BAD_USER_INPUT. */
export function checkedUsername(value: unknown): string {
  if (typeof value === 'string' && USERNAME.test(value)) return value;
  throw invalid('username', 'A username has 3 to 30 letters, digits or underscores.');
}

// Quoted names of addresses may hold line ends and other marks that nobody has in an address but who means harm.
const UNPRINTABLE = /[\s\p{Cc}\p{Cf}]/u;

/** The address trimmed and in lower case, or BAD_USER_INPUT. */
export function checkedEmail(value: unknown): string {
  const email = typeof value === 'string' ? value.trim().toLowerCase() : '';
  if (email.length <= EMAIL_LENGTH && isEmail(email) && !UNPRINTABLE.test(email)) return email;
  throw invalid('email', 'This is not an email address.');
}

/** A password that may be set, or BAD_USER_INPUT on the field it came in. */
export function checkedPassword(value: unknown, field: string): string {
  const { min, max } = PASSWORD_LENGTH;
  if (typeof value === 'string' && lengthOf(value, max) >= min && lengthOf(value, max) <= max) return value;
  throw invalid(field, `A password has ${min} to ${max} characters.`);
}

/** A given or family name, trimmed, null where nothing is left; or BAD_USER_INPUT on its field. */
export function checkedName(value: unknown, field: string): string | null {
  if (value === null || value === undefined) return null;
  const name = typeof value === 'string' ? value.normalize('NFC').trim() : null;
  if (name !== null && lengthOf(name, NAME_LENGTH) <= NAME_LENGTH) return name === '' ? null : name;
  throw invalid(field, `A name has at most ${NAME_LENGTH} characters.`);
}

/** A password to compare with a stored one, or null for what can't be anybody's. */
export function comparablePassword(value: unknown): string | null {
  return typeof value === 'string' && lengthOf(value, PASSWORD_LENGTH.max) <= PASSWORD_LENGTH.max
    ? value
    : null;
}

/** The names a deleted account keeps: unique, and of a form that nobody can register. */
export function tombstone(userId: ObjectId): { username: string; email: string } {
  const name = `deleted_${userId.toHexString()}`;
  return { username: name, email: name };
}

/** The CONFLICT behind a unique index's refusal, or the error itself. */
export function takenOr(error: unknown): unknown {
  if (!(error instanceof Error) || !isDuplicateKey(error)) return error;
  const keys = 'keyPattern' in error ? Object.keys(error.keyPattern as object) : [];
  const [field] = keys;
  return field === 'username' || field === 'email' ? taken(field) : error;
}

/** CONFLICT on the one field that another account has. */
export function taken(field: 'username' | 'email'): AppError {
  const message = field === 'email' ? 'This email address is taken.' : 'This username is taken.';
  return new AppError('CONFLICT', message, { issues: [{ field, message }] });
}

/** BAD_USER_INPUT on one field. */
export function invalid(field: string, message: string): AppError {
  return new AppError('BAD_USER_INPUT', message, { issues: [{ field, message }] });
}

// Characters, not UTF-16 units; what is too long either way is not taken apart first.
function lengthOf(text: string, most: number): number {
  return text.length > 2 * most ? text.length : [...text].length;
}
