import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Entry, fromBuffer, type ZipFile } from 'yauzl';
import type { Archive, ArchiveEntry } from '../../services/files/archives.ts';
import { archiveLength, archiveStream } from './archive-stream.ts';

const AT = new Date(Date.UTC(2024, 1, 29, 12, 30, 11));
const RIGHT = {
  allowed: async () => [],
  stillAllowed: async () => true,
  began: () => undefined,
  watch: () => undefined,
};

const archive = (entries: ArchiveEntry[]): Archive => ({ name: 'test', entries, right: RIGHT });
const file = (path: string, content: string | Buffer): ArchiveEntry => {
  const bytes = Buffer.from(content);
  const open = async () => Readable.from([bytes], { objectMode: false });
  return { path, size: bytes.length, modifiedAt: AT, open };
};

async function read(zipped: Buffer): Promise<{ entry: Entry; content: Buffer }[]> {
  const zip = await new Promise<ZipFile>((resolve, reject) =>
    fromBuffer(zipped, { lazyEntries: true }, (error, opened) => (error ? reject(error) : resolve(opened))),
  );
  const found: { entry: Entry; content: Buffer }[] = [];
  zip.on('entry', (entry: Entry) => {
    zip.openReadStream(entry, async (error, stream) => {
      if (error) throw error;
      found.push({ entry, content: await buffer(stream) });
      zip.readEntry();
    });
  });
  zip.readEntry();
  await once(zip, 'end');
  return found;
}

describe('An archive', () => {
  it('has its files, by name, content and date, and exactly the length that was told', async () => {
    const plan = archive([
      file('Trip/ä 日本.txt', 'hello'),
      file('Trip/empty', ''),
      { path: 'Trip/nothing', size: 0, modifiedAt: AT, open: null },
      file('Trip/large', Buffer.alloc(300_000, 7)),
    ]);
    const { length, stream } = await archiveStream(plan);
    const zipped = await buffer(stream);
    expect([zipped.length, archiveLength(plan)]).toEqual([length, length]);
    const found = await read(zipped);
    expect(found.map(({ entry, content }) => [entry.fileName, content.length])).toEqual([
      ['Trip/ä 日本.txt', 5],
      ['Trip/empty', 0],
      ['Trip/nothing/', 0],
      ['Trip/large', 300_000],
    ]);
    const [first] = found;
    expect(first?.content.toString()).toBe('hello');
    expect(first?.entry.getLastModDate()).toEqual(AT);
    expect(Number(first?.entry.generalPurposeBitFlag) & 0x800).toBe(0x800);
  });

  it('of no files is a valid one', async () => {
    const { length, stream } = await archiveStream(archive([]));
    const zipped = await buffer(stream);
    expect(zipped.length).toBe(length);
    expect(await read(zipped)).toEqual([]);
  });

  it('may have more than 65,535 entries, and tell the length of more than 4 GiB', async () => {
    const empty = file('', '');
    const plan = archive(Array.from({ length: 65_600 }, (_, i) => ({ ...empty, path: `${i}` })));
    const { length, stream } = await archiveStream(plan);
    const zipped = await buffer(stream);
    expect(zipped.length).toBe(length);
    const zip = await new Promise<ZipFile>((resolve, reject) =>
      fromBuffer(zipped, { lazyEntries: true }, (error, opened) => (error ? reject(error) : resolve(opened))),
    );
    expect(zip.entryCount).toBe(65_600);
    const huge = archive([{ ...empty, path: 'huge', size: 10 * 2 ** 30 }]);
    expect(archiveLength(huge)).toBeGreaterThan(10 * 2 ** 30);
  });

  it('opens one file after another, and no second one before somebody reads', async () => {
    const content = Buffer.alloc(1_000_000);
    const opened: Readable[] = [];
    const stillOpen: number[] = [];
    const open = async () => {
      stillOpen.push(opened.filter(({ readableEnded }) => !readableEnded).length);
      const bytes = Readable.from([content, content], { objectMode: false, highWaterMark: 1 });
      opened.push(bytes);
      return bytes;
    };
    const entries = Array.from({ length: 5 }, (_, i) => ({ ...file(`${i}`, ''), size: 2_000_000, open }));
    const { stream } = await archiveStream(archive(entries));
    await pause(50);
    expect(opened).toHaveLength(1);
    await buffer(stream);
    expect(stillOpen).toEqual([0, 0, 0, 0, 0]);
  });

  it('breaks where a file fails or is not what was planned, and frees what it holds', async () => {
    const held = Readable.from([Buffer.alloc(10)], { objectMode: false });
    const failing = Readable.from(
      (async function* () {
        yield Buffer.alloc(10);
        throw new Error('the store is gone');
      })(),
      { objectMode: false },
    );
    const bad: readonly [ArchiveEntry['open'], RegExp][] = [
      [async () => failing, /the store is gone/],
      [async () => Promise.reject(new Error('no such file')), /no such file/],
      [async () => held, /has 10 bytes instead of 4/],
    ];
    for (const [open, message] of bad) {
      const { stream } = await archiveStream(archive([file('a', 'first'), { ...file('b', '0123'), open }]));
      await expect(buffer(stream)).rejects.toThrow(message);
    }
    expect(held.destroyed).toBe(true);
  });

  it('rejects before any byte where the first file cannot be had, and gives it back to a reader that goes', async () => {
    const refused = { ...file('a', 'x'), open: () => Promise.reject(new Error('not any more')) };
    await expect(archiveStream(archive([refused]))).rejects.toThrow('not any more');
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(65_536));
      },
    });
    const { stream } = await archiveStream(
      archive([{ ...file('a', ''), size: 2 ** 40, open: async () => endless }]),
    );
    stream.once('data', () => stream.destroy());
    await once(endless, 'close');
    expect(endless.destroyed).toBe(true);
  });
});
