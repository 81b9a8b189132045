/** What a ZIP file tells of one entry; `crc` is known only after its content has gone by. */
export interface ZipEntry {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly modifiedAt: Date;
  readonly isFolder: boolean;
}

// Every record is laid out as in .ZIP File Format Specification 6.3.10, section 4.3; all numbers are little-endian.
const VERSION = 20;
const VERSION_ZIP64 = 45;
// Upper byte: the attributes are those of Unix.
const MADE_BY = (3 << 8) | VERSION_ZIP64;
const STORED = 0;
// 4.4.4, bit 11: "the filename and comment fields for this file MUST be encoded using UTF-8."
const UTF8 = 1 << 11;
// Bit 3: "the fields crc-32, compressed size and uncompressed size are set to zero in the local header. The correct
// values are put in the data descriptor immediately following the compressed data."
const DESCRIBED_LATER = 1 << 3;
const MAX_16 = 0xffff;
const MAX_32 = 0xffff_ffff;
const FILE_MODE = 0o100644;
const FOLDER_MODE = 0o40755;
const FOLDER_ATTRIBUTE = 0x10;

/** What stands before an entry’s content. */
export function localHeader(entry: ZipEntry): Buffer {
  const name = nameOf(entry);
  const large = isLarge(entry);
  // 4.5.3: "MUST include BOTH original and compressed file size fields."
  const extra = Buffer.concat([timestamp(entry), ...(large ? [zip64Field([0, 0])] : [])]);
  const size = large ? MAX_32 : 0;
  const head = record([
    [4, 0x04034b50],
    ...commonFields(entry, large),
    [4, 0],
    [4, size],
    [4, size],
    [2, name.length],
    [2, extra.length],
  ]);
  return Buffer.concat([head, name, extra]);
}

/** What stands after a file’s content; nothing does after a folder. */
export function descriptor(entry: ZipEntry, crc: number): Buffer {
  if (entry.isFolder) return Buffer.alloc(0);
  const width = isLarge(entry) ? 8 : 4;
  return record([
    [4, 0x08074b50],
    [4, crc],
    [width, entry.size],
    [width, entry.size],
  ]);
}

/** What the directory at the end says of an entry, whose local header lies at the offset. */
export function directoryRecord(entry: ZipEntry, crc: number, offset: number): Buffer {
  const name = nameOf(entry);
  const far = offset >= MAX_32;
  const large = isLarge(entry);
  const long = [...(large ? [entry.size, entry.size] : []), ...(far ? [offset] : [])];
  const extra = Buffer.concat([timestamp(entry), ...(long.length > 0 ? [zip64Field(long)] : [])]);
  const size = large ? MAX_32 : entry.size;
  const mode = entry.isFolder ? FOLDER_MODE : FILE_MODE;
  const head = record([
    [4, 0x02014b50],
    [2, MADE_BY],
    ...commonFields(entry, large || far),
    [4, crc],
    [4, size],
    [4, size],
    [2, name.length],
    [2, extra.length],
    [2, 0],
    [2, 0],
    [2, 0],
    [4, mode * 2 ** 16 + (entry.isFolder ? FOLDER_ATTRIBUTE : 0)],
    [4, far ? MAX_32 : offset],
  ]);
  return Buffer.concat([head, name, extra]);
}

/** The end of the file: where its directory begins, its bytes, and how many entries it has. */
export function endRecords(entries: number, start: number, bytes: number): Buffer {
  const end = record([
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, Math.min(entries, MAX_16)],
    [2, Math.min(entries, MAX_16)],
    [4, Math.min(bytes, MAX_32)],
    [4, Math.min(start, MAX_32)],
    [2, 0],
  ]);
  // 4.4.1.4: "If one of the fields in the end of central directory record is too small to hold required data, the field
  // SHOULD be set to -1 (0xFFFF or 0xFFFFFFFF) and the ZIP64 format record SHOULD be created."
  if (entries < MAX_16 && start < MAX_32 && bytes < MAX_32) return end;
  const end64 = record([
    [4, 0x06064b50],
    [8, 44],
    [2, MADE_BY],
    [2, VERSION_ZIP64],
    [4, 0],
    [4, 0],
    [8, entries],
    [8, entries],
    [8, bytes],
    [8, start],
  ]);
  const locator = record([
    [4, 0x07064b50],
    [4, 0],
    [8, start + bytes],
    [4, 1],
  ]);
  return Buffer.concat([end64, locator, end]);
}

/** How many bytes an entry takes, its content and what surrounds that, and how many its place in the directory does. */
export function lengthsOf(entry: ZipEntry, offset: number): { content: number; record: number } {
  const large = isLarge(entry);
  const name = Buffer.byteLength(entry.path) + (entry.isFolder ? 1 : 0);
  const described = entry.isFolder ? 0 : large ? 24 : 16;
  const long = (large ? 2 : 0) + (offset >= MAX_32 ? 1 : 0);
  return {
    content: 30 + name + TIMESTAMP_BYTES + (large ? 20 : 0) + entry.size + described,
    record: 46 + name + TIMESTAMP_BYTES + (long > 0 ? 4 + 8 * long : 0),
  };
}

const TIMESTAMP_BYTES = 9;

type Field = readonly [width: 1 | 2 | 4 | 8, value: number];

const isLarge = ({ size }: ZipEntry) => size >= MAX_32;
const nameOf = ({ path, isFolder }: ZipEntry) => Buffer.from(isFolder ? `${path}/` : path);

function commonFields({ modifiedAt, isFolder }: ZipEntry, needsZip64: boolean): Field[] {
  return [
    [2, needsZip64 ? VERSION_ZIP64 : VERSION],
    [2, isFolder ? UTF8 : UTF8 | DESCRIBED_LATER],
    [2, STORED],
    ...dosTime(modifiedAt),
  ];
}

// MS-DOS knows no time zones; whoever reads the timestamp below does not need it.
function dosTime(date: Date): Field[] {
  const year = Math.min(Math.max(date.getUTCFullYear(), 1980), 2107);
  const time = (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1);
  return [
    [2, time],
    [2, ((year - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate()],
  ];
}

/** Info-ZIP’s extended timestamp: the second of the last change, in UTC. */
function timestamp({ modifiedAt }: ZipEntry): Buffer {
  const seconds = Math.floor(modifiedAt.getTime() / 1000);
  return record([
    [2, 0x5455],
    [2, 5],
    [1, 1],
    [4, Math.min(Math.max(seconds, 0), 0x7fff_ffff)],
  ]);
}

const zip64Field = (values: readonly number[]) =>
  record([[2, 1], [2, values.length * 8], ...values.map((value): Field => [8, value])]);

function record(fields: readonly Field[]): Buffer {
  const bytes = Buffer.alloc(fields.reduce((sum, [width]) => sum + width, 0));
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 8) bytes.writeBigUInt64LE(BigInt(value), at);
    else bytes.writeUIntLE(value, at, width);
    at += width;
  }
  return bytes;
}
