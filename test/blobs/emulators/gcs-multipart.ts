import type { IncomingMessage } from 'node:http';
import { Refusal } from './gcs-answers.ts';
import type { Described } from './gcs-buckets.ts';
import type { Draft } from './gcs-contents.ts';

const LONGEST_HEAD = 1024 * 1024;

/** What stands before the media in a body of multipart/related. */
interface Head {
  described: Described & { name?: string };
  /** Where the media begin. */
  end: number;
}

/** Reads a body of two parts (RFC 2387), the object’s description and its media, and writes the media into the draft. */
export async function readMultipart(
  request: IncomingMessage,
  draft: Draft,
): Promise<Described & { name?: string }> {
  const boundary = /^multipart\/related;.*boundary=("?)([^";]+)\1/i.exec(
    request.headers['content-type'] ?? '',
  )?.[2];
  if (!boundary) throw new Refusal(400, 'badContent', 'The content type must be multipart/related.');
  const closing = Buffer.from(`\r\n--${boundary}--`);
  let head: Head | undefined;
  let held = Buffer.alloc(0);
  for await (const chunk of request) {
    held = Buffer.concat([held, chunk]);
    if (!head) {
      head = headOf(held, boundary);
      if (!head) continue;
      held = held.subarray(head.end);
    }
    // The closing line and its end of line must not become media.
    const media = held.length - closing.length - 2;
    if (media <= 0) continue;
    await draft.take(Buffer.from(held.subarray(0, media)));
    held = held.subarray(media);
  }
  const end = held.lastIndexOf(closing);
  const rest = held.subarray(end + closing.length).toString();
  if (!head || end < 0 || rest.trim() !== '') {
    throw new Refusal(400, 'badContent', 'Missing end boundary in multipart body.');
  }
  await draft.take(held.subarray(0, end));
  return head.described;
}

function headOf(held: Buffer, boundary: string): Head | undefined {
  const delimiter = `--${boundary}\r\n`;
  const first = held.indexOf(delimiter);
  const second = first < 0 ? -1 : held.indexOf(`\r\n${delimiter}`, first + delimiter.length);
  const end = second < 0 ? -1 : held.indexOf('\r\n\r\n', second + delimiter.length);
  if (end < 0) {
    if (held.length > LONGEST_HEAD) throw new Refusal(400, 'badContent', 'Malformed multipart body.');
    return undefined;
  }
  const part = held.subarray(first + delimiter.length, second).toString();
  const described = parseDescribed(part.slice(part.indexOf('\r\n\r\n') + 4));
  const type = /content-type: *(\S+)/i.exec(held.subarray(second, end).toString())?.[1];
  return { described: { ...(type && { contentType: type }), ...described }, end: end + 4 };
}

/** The description of an object, as JSON; nothing where the text is empty. */
export function parseDescribed(text: string): Described & { name?: string } {
  try {
    return text.trim() === '' ? {} : JSON.parse(text);
  } catch {
    throw new Refusal(400, 'parseError', 'Parse Error');
  }
}
