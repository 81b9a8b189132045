import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import type { Archive, ArchiveEntry } from '../../services/files/archives.ts';
import {
  descriptor,
  directoryRecord,
  endRecords,
  lengthsOf,
  localHeader,
  type ZipEntry,
} from './zip-records.ts';

/** An archive’s bytes, with how many they will be. */
export interface ArchiveBytes {
  readonly length: number;
  readonly stream: Readable;
}

const BUFFERED_BYTES = 256 * 1024;
// Records of the directory are short; each by itself would cost a write.
const GATHERED_BYTES = 64 * 1024;

/** How many bytes the archive will have, without a look at any content. */
export function archiveLength({ entries }: Archive): number {
  let start = 0;
  let bytes = 0;
  for (const entry of entries) {
    const { content, record } = lengthsOf(toldOf(entry), start);
    start += content;
    bytes += record;
  }
  return start + bytes + endRecords(entries.length, start, bytes).length;
}

/**
 * The archive as a ZIP file, made while it is read: contents are opened one after another, each as its turn comes, and
 * stored as they are, since most large ones are compressed already. Rejects where the first cannot be opened; where a
 * later one fails, so does the stream, which never ends early. Destroying it frees what it holds.
 */
export async function archiveStream(archive: Archive): Promise<ArchiveBytes> {
  const { entries, right } = archive;
  const length = archiveLength(archive);
  const first = entries.find(({ open }) => open !== null);
  // What cannot be had is told by a status, as long as none was sent.
  const opened = await first?.open?.();
  // It may fail before its turn comes, which its reader hears of.
  opened?.on('error', () => undefined);
  let current = opened;
  const stream = Readable.from(
    zipped(entries, async (entry) => {
      current = entry === first && opened ? opened : await (entry.open as () => Promise<Readable>)();
      if (stream.destroyed) current.destroy();
      return current;
    }),
    { objectMode: false, highWaterMark: BUFFERED_BYTES },
  );
  // One that waits for its store would be given back only with its next byte.
  stream.once('close', () => current?.destroy());
  right.watch(stream);
  return { length, stream };
}

async function* zipped(
  entries: readonly ArchiveEntry[],
  open: (entry: ArchiveEntry) => Promise<Readable>,
): AsyncGenerator<Buffer> {
  const offsets = new Float64Array(entries.length);
  const checksums = new Uint32Array(entries.length);
  let position = 0;
  for (const [i, entry] of entries.entries()) {
    const told = toldOf(entry);
    offsets[i] = position;
    const header = localHeader(told);
    yield header;
    let crc = 0;
    let size = 0;
    for await (const chunk of entry.open ? ((await open(entry)) as AsyncIterable<Buffer>) : []) {
      crc = crc32(chunk, crc);
      size += chunk.length;
      yield chunk;
    }
    if (size !== entry.size) throw new Error(`A content has ${size} bytes instead of ${entry.size}.`);
    checksums[i] = crc;
    const end = descriptor(told, crc);
    if (end.length > 0) yield end;
    position += header.length + size + end.length;
  }
  const start = position;
  const records = entries
    .values()
    .map((entry, i) => directoryRecord(toldOf(entry), checksums[i] ?? 0, offsets[i] ?? 0));
  for (const some of gathered(records)) {
    yield some;
    position += some.length;
  }
  yield endRecords(entries.length, start, position - start);
}

function* gathered(records: Iterable<Buffer>): Generator<Buffer> {
  let some: Buffer[] = [];
  let bytes = 0;
  for (const record of records) {
    some.push(record);
    bytes += record.length;
    if (bytes < GATHERED_BYTES) continue;
    yield Buffer.concat(some);
    [some, bytes] = [[], 0];
  }
  if (bytes > 0) yield Buffer.concat(some);
}

const toldOf = ({ path, size, modifiedAt, open }: ArchiveEntry): ZipEntry => ({
  path,
  size,
  modifiedAt,
  isFolder: open === null,
});
