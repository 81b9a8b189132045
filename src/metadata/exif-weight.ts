const EXIF_HEADER = 'Exif\0\0';
const ENTRY_BYTES = 12;
// Bytes of a value by its type, from 1.
const VALUE_BYTES = [1, 1, 2, 4, 8, 1, 1, 2, 4, 8];
// The directories beside the first two, by the tags that lead to them: Exif, GPS, interoperability.
const POINTERS = new Set([0x8769, 0x8825, 0xa005]);
const MOST_DIRECTORIES = 5;

/**
 * Whether the values that Exif data name take no more bytes than there are, some of them twice: a reader that believes
 * thousands of entries which all name the same bytes makes gigabytes of a few KiB.
 */
export function isPlausible(exif: Buffer): boolean {
  const data = exif.toString('latin1', 0, EXIF_HEADER.length) === EXIF_HEADER ? exif.subarray(6) : exif;
  if (data.length < 8) return false;
  const numbers = new Numbers(data);
  const directories = [numbers.long(4)];
  let weight = 0;
  for (let number = 0; number < directories.length; number += 1) {
    if (number === MOST_DIRECTORIES) return false;
    const directory = readDirectory(numbers, directories[number] ?? 0);
    weight += directory.weight;
    if (weight > 2 * data.length) return false;
    directories.push(...directory.leadsTo);
    // Only the first leads to a second, that of the small picture within.
    if (number === 0 && directory.next !== 0) directories.push(directory.next);
  }
  return true;
}

interface Directory {
  /** Bytes of its values and entries. */
  readonly weight: number;
  readonly leadsTo: readonly number[];
  readonly next: number;
}

function readDirectory(numbers: Numbers, start: number): Directory {
  if (start + 2 > numbers.size) return { weight: 0, leadsTo: [], next: 0 };
  const entries = numbers.short(start);
  const leadsTo: number[] = [];
  let weight = 0;
  for (let i = 0; i < entries; i += 1) {
    const at = start + 2 + i * ENTRY_BYTES;
    if (at + ENTRY_BYTES > numbers.size) return { weight, leadsTo, next: 0 };
    weight += (VALUE_BYTES[numbers.short(at + 2) - 1] ?? 0) * numbers.long(at + 4) + ENTRY_BYTES;
    if (POINTERS.has(numbers.short(at))) leadsTo.push(numbers.long(at + 8));
  }
  const end = start + 2 + entries * ENTRY_BYTES;
  return { weight, leadsTo, next: end + 4 <= numbers.size ? numbers.long(end) : 0 };
}

/** The numbers in Exif data, by the byte order that the data begin with. */
class Numbers {
  private readonly data: Buffer;
  private readonly isLittle: boolean;

  constructor(data: Buffer) {
    this.data = data;
    this.isLittle = data[0] === 0x49;
  }

  get size(): number {
    return this.data.length;
  }

  short(at: number): number {
    return this.isLittle ? this.data.readUInt16LE(at) : this.data.readUInt16BE(at);
  }

  long(at: number): number {
    return this.isLittle ? this.data.readUInt32LE(at) : this.data.readUInt32BE(at);
  }
}
