import { UsageError } from './usage-error.ts';

const BYTES: Record<string, number> = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };
const SHOWN = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** The bytes that `50MiB`, or a plain number, means; throws a UsageError for anything else, nothing included. */
export function parseBytes(text: string): number {
  const [, number, unit = ''] = /^(\d{1,12}) ?(KiB|MiB|GiB|TiB)?$/.exec(text) ?? [];
  const bytes = Number(number) * (BYTES[unit] ?? 1);
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new UsageError(`'${text}' is no number of bytes such as 50MiB`);
}

/** The milliseconds that `30d`, `12h` or the like means; throws a UsageError for anything else. */
export function parseAge(text: string): number {
  const [, number, unit = ''] = /^(\d{1,6}) ?([smhdw])$/.exec(text) ?? [];
  if (number !== undefined) return Number(number) * (SECONDS[unit] ?? 1) * 1000;
  throw new UsageError(`'${text}' is no age such as 30d, 12h or 90m`);
}

/** Bytes as people read them, such as `1.5 GiB`. */
export function showBytes(bytes: number): string {
  let power = 0;
  while (bytes >= 1024 ** (power + 1) && power < SHOWN.length - 1) power += 1;
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${SHOWN[power]}`;
}

/** A duration as `1:05` or `2:00:09`. */
export function showDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const parts = hours > 0 ? [hours, padded(minutes), padded(rest)] : [minutes, padded(rest)];
  return parts.join(':');
}

const padded = (number: number) => String(number).padStart(2, '0');
