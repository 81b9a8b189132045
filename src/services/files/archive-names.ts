import type { ObjectId } from '../../models/object-id.ts';

/** The most bytes that the path of an entry of a ZIP file may have: its length is a number of 16 bits. */
export const MAX_PATH_BYTES = 65_535;

// Most file systems take names of 255 bytes; the number of a duplicate must still fit.
const MAX_NAME_BYTES = 240;
const LONGEST_EXTENSION = 16;

// https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file: "Do not use the following reserved names […]
// Also avoid these names followed immediately by an extension".
const RESERVED = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i;

/**
 * A name as one step of a path that every file system takes: no separator, no mark that Windows reserves, no control or
 * bidirectional character, at most 240 bytes with the extension kept; never empty, `.` or `..`.
 */
export function safeName(name: string): string {
  const plain = name
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')
    .replace(/[\p{Cc}\u2028\u2029<>:"/\\|?*]/gu, '_')
    .trim();
  // "Do not end a file or directory name with a space or a period."
  const ended = shortened(plain).replace(/(?<![. ])[. ]+$/, '_');
  return ended === '' ? '_' : RESERVED.test(ended) ? `_${ended}` : ended;
}

/** Gives every name in one folder once: a second one that differs in nothing but case becomes `name (2).ext`. */
export class DistinctNames {
  private readonly taken = new Set<string>();
  private readonly numbers = new Map<string, number>();

  /** The name, or one with a number that is free. */
  take(name: string): string {
    const key = fold(name);
    let free = name;
    for (let number = this.numbers.get(key) ?? 1; this.taken.has(fold(free)); ) {
      number += 1;
      this.numbers.set(key, number);
      free = numbered(name, number);
    }
    this.taken.add(fold(free));
    return free;
  }
}

/** A folder, with the one it lies in. */
export interface NamedFolder {
  readonly _id: ObjectId;
  readonly name: string;
  readonly parent: ObjectId | null;
}

/** Where things lie in an archive. */
export class ArchivePaths {
  private readonly paths = new Map<string, string>();
  private readonly names = new Map<string, DistinctNames>();

  /** The folders must come before those that lie in them; the first is the root, null for a flat archive. */
  constructor(folders: readonly NamedFolder[]) {
    for (const { _id, name, parent } of folders) {
      const above = parent && this.paths.get(parent.toHexString());
      const own = this.namesIn(above ? parent : null).take(safeName(name));
      this.paths.set(_id.toHexString(), above ? joined(above, own) : own);
    }
  }

  /** The path of a folder. */
  of(folder: ObjectId): string {
    return this.paths.get(folder.toHexString()) ?? '';
  }

  /** The path of a file that lies in this folder, or directly in the archive; each call is another file. */
  file(folder: ObjectId | null, name: string): string {
    const own = this.namesIn(folder).take(safeName(name));
    return folder ? joined(this.of(folder), own) : own;
  }

  private namesIn(folder: ObjectId | null): DistinctNames {
    const key = folder?.toHexString() ?? '';
    const names = this.names.get(key) ?? new DistinctNames();
    this.names.set(key, names);
    return names;
  }
}

// Deep trees would otherwise make paths longer than any archive takes, of every folder.
const joined = (above: string, name: string) => (above.length > MAX_PATH_BYTES ? above : `${above}/${name}`);

const fold = (name: string) => name.normalize('NFC').toLowerCase();

function numbered(name: string, number: number): string {
  const extension = extensionOf(name);
  return `${name.slice(0, name.length - extension.length)} (${number})${extension}`;
}

function shortened(name: string): string {
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name;
  const extension = extensionOf(name);
  const room = MAX_NAME_BYTES - Buffer.byteLength(extension);
  let kept = '';
  let bytes = 0;
  for (const character of name.slice(0, name.length - extension.length)) {
    bytes += Buffer.byteLength(character);
    if (bytes > room) break;
    kept += character;
  }
  return kept + extension;
}

const extensionOf = (name: string) => {
  const extension = /[^.](\.[^.\s]+)$/.exec(name)?.[1] ?? '';
  return Buffer.byteLength(extension) <= LONGEST_EXTENSION ? extension : '';
};
