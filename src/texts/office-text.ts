import { type Entry, fromBufferPromise, type ZipFile } from 'yauzl';
import { AppError } from '../errors.ts';
import type { RemoteContent } from '../isolated/child-messages.ts';
import { unmarked } from './marked-text.ts';

const MEBIBYTE = 1024 * 1024;
const MOST_BYTES = 64 * MEBIBYTE;
// What its parts may unpack to, all together; whatever they say of themselves.
const MOST_UNPACKED = 16 * MEBIBYTE;
const MOST_ENTRIES = 10_000;
// What a part says of its size is not believed: what comes out of it is counted.
const OPTIONS = { lazyEntries: true, autoClose: false, validateEntrySizes: false };
const TEXTS =
  /^(?:word\/(?:document|footnotes|endnotes)|xl\/sharedStrings|ppt\/slides\/slide\d{1,5}|content)\.xml$/;

/** The text of a document of an office suite; BAD_USER_INPUT for one that is damaged, PAYLOAD_TOO_LARGE for one that is too large. */
export async function officeText(content: RemoteContent): Promise<string> {
  const bytes = await content.whole(MOST_BYTES);
  const zip = await fromBufferPromise(bytes, OPTIONS).catch((cause: unknown) => {
    throw damaged(cause);
  });
  try {
    const texts: string[] = [];
    let left = MOST_UNPACKED;
    let entries = 0;
    for await (const entry of zip.eachEntry()) {
      entries += 1;
      if (entries > MOST_ENTRIES || left <= 0) break;
      if (!TEXTS.test(entry.fileName)) continue;
      const part = await unpacked(zip, entry, left);
      left -= part.length;
      texts.push(unmarked(part.toString('utf8')));
    }
    return texts.join(' ');
  } catch (cause) {
    throw damaged(cause);
  } finally {
    zip.close();
  }
}

/** At most so many of its bytes: the rest of it is not unpacked. */
async function unpacked(zip: ZipFile, entry: Entry, most: number): Promise<Buffer> {
  const stream = await zip.openReadStreamPromise(entry);
  const parts: Buffer[] = [];
  let has = 0;
  for await (const part of stream) {
    parts.push(part);
    has += part.length;
    if (has >= most) break;
  }
  return Buffer.concat(parts).subarray(0, most);
}

const damaged = (cause: unknown) => new AppError('BAD_USER_INPUT', 'The document is damaged.', { cause });
