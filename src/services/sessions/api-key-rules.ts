import { Scope } from '../../models/api-key.ts';
import { invalid } from '../accounts/account-rules.ts';
import { visibleText } from '../visible-text.ts';

/** The most characters of a key’s name. */
export const KEY_NAME_LENGTH = 100;

const SCOPES: readonly string[] = Object.values(Scope);

/** The name cleaned: NFC, trimmed, without controls; BAD_USER_INPUT where nothing or too much is left. */
export function checkedKeyName(value: unknown): string {
  const isBounded = typeof value === 'string' && value.length <= 4 * KEY_NAME_LENGTH;
  const name = isBounded ? visibleText(value).trim() : '';
  const { length } = [...name];
  if (length >= 1 && length <= KEY_NAME_LENGTH) return name;
  throw invalid('name', `An API key’s name has 1 to ${KEY_NAME_LENGTH} characters.`);
}

/** The scopes in the order in which they are defined; BAD_USER_INPUT for none, unknown ones, or one twice. */
export function checkedScopes(values: unknown): Scope[] {
  const given = Array.isArray(values) ? values : [];
  if (given.length === 0) throw invalid('scopes', 'An API key needs at least one scope.');
  if (new Set(given).size < given.length) throw invalid('scopes', 'A scope is named twice.');
  if (!given.every((scope) => SCOPES.includes(scope))) throw invalid('scopes', 'There is no such scope.');
  return Object.values(Scope).filter((scope) => given.includes(scope));
}

/** The moment, which must be ahead, or null for never; BAD_USER_INPUT otherwise. */
export function checkedExpiry(value: unknown): Date | null {
  if (value === null) return null;
  if (value instanceof Date && value.getTime() > Date.now()) return value;
  throw invalid('expiresAt', 'An API key ends in the future, or never.');
}
