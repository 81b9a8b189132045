import { AppError } from '../../errors.ts';
import { NameCollision } from '../../models/name-collision.ts';
import { isDuplicateKey } from '../../models/object-id.ts';
import { MAX_NAME_LENGTH } from '../files/file-names.ts';

const FIRST_TRIES = 16;
const MOST_TRIES = 1_000_000;
const MOST_RACES = 1_000;

/** The name with a number, before the extension where it has this one; at most 255 characters, for which it is shortened. */
export function numberedName(name: string, number: number, extension = ''): string {
  const end = extension === '' ? '' : name.slice(-extension.length - 1);
  const tail = ` (${number})${end}`;
  const stem = [...name.slice(0, name.length - end.length)];
  return (
    stem
      .slice(0, MAX_NAME_LENGTH - [...tail].length)
      .join('')
      .trimEnd() + tail
  );
}

/** The first number, from this one on, whose name is not taken; `taken` tells which of some are. */
export async function firstFreeNumber(
  name: string,
  extension: string,
  taken: (names: readonly string[]) => Promise<(name: string) => boolean>,
  first = 2,
): Promise<number> {
  let [from, size] = [first, FIRST_TRIES];
  while (from < MOST_TRIES) {
    const names = Array.from({ length: size }, (_, i) => numberedName(name, from + i, extension));
    const isTaken = await taken(names);
    const free = names.findIndex((each) => !isTaken(each));
    if (free >= 0) return from + free;
    from += size;
    size = Math.min(size * 2, 1_024);
  }
  throw nameTaken(name);
}

/** The first of the numbered names, from 2 on, that is not taken; `taken` tells which of some are. */
export async function firstFreeName(
  name: string,
  extension: string,
  taken: (names: readonly string[]) => Promise<(name: string) => boolean>,
): Promise<string> {
  return numberedName(name, await firstFreeNumber(name, extension, taken), extension);
}

/**
 * Writes under the name, or under the first free numbered one where the rule allows; `write` must fail with a duplicate
 * key where the name is taken, so that it is exact also when many write at once. CONFLICT where none is to be had.
 */
export async function writeUnderFreeName<T>(
  name: string,
  rule: NameCollision,
  write: (name: string) => Promise<T>,
  taken: (names: readonly string[]) => Promise<(name: string) => boolean>,
): Promise<T> {
  let next = name;
  for (let race = 0; race < MOST_RACES; race += 1) {
    try {
      return await write(next);
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      if (rule === NameCollision.FAIL) throw nameTaken(name);
    }
    next = await firstFreeName(name, '', taken);
  }
  throw nameTaken(name);
}

/** The refusal of a name that something else has already. */
export const nameTaken = (name: string) =>
  new AppError('CONFLICT', `Something else there is called “${name}” already.`);
