/** Facts by their names, one level deep. */
export type Facts = Record<string, string | number>;

const MOST_CHARACTERS = 200;
const MOST_BYTES = 16 * 1024;

/** A text that a content says, without what steers a terminal or a page, 200 characters at most; null where nothing is left. */
export function boundedText(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const plain = value
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .trim();
  return plain === '' ? null : [...plain.slice(0, 2 * MOST_CHARACTERS)].slice(0, MOST_CHARACTERS).join('');
}

/** A number that a content says, with six digits after the point at most; null for what is none or not finite. */
export function boundedNumber(value: unknown): number | null {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? Math.round(number * 1e6) / 1e6 : null;
}

/** A whole number that a content says, from 1 to what 32 bits hold; null for anything else. */
export function boundedCount(value: unknown): number | null {
  const number = boundedNumber(value);
  if (number === null) return null;
  const whole = Math.round(number);
  return whole >= 1 && whole <= 0x7fffffff ? whole : null;
}

/** The facts that are there, 16 KiB of JSON at most: what does not fit in is left out; null where there are none. */
export function boundedFacts(facts: Readonly<Record<string, string | number | null>>): Facts | null {
  const kept: Facts = {};
  let left = MOST_BYTES - 2;
  for (const [name, value] of Object.entries(facts)) {
    if (value === null) continue;
    left -= Buffer.byteLength(JSON.stringify({ [name]: value }));
    if (left < 0) break;
    kept[name] = value;
  }
  return Object.keys(kept).length === 0 ? null : kept;
}
