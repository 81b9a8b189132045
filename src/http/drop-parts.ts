import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { PassThrough, type Readable, Writable } from 'node:stream';
import { Busboy } from '@fastify/busboy';
import { AppError } from '../errors.ts';

/** A file of a form, on its way in. */
export interface DroppedPart {
  readonly filename: string;
  readonly mimeType: string;
  /** Giving it up leaves the connection open for the next part and for an answer. */
  readonly stream: Readable;
}

/** What reads a form: its fields as they come, and its files one after another. */
export interface DropReader {
  field(name: string, value: string): void;
  /** Resolves once the file is dealt with; what it has not read then runs to waste. Rejecting ends the reading. */
  file(part: DroppedPart): Promise<void>;
}

const BUFFERED_BYTES = 128 * 1024;
const FIELD_BYTES = 1024;
const MOST_FIELDS = 10;
// Ten times the files that one request may bring at all: who sends more sends no form.
const MOST_PARTS = 1_000;
// A refused file is read to its end, since browsers show no answer before they have sent all; but not for ever.
const WASTED_BYTES = 256 * 1024 * 1024;

/**
 * Reads a multipart form (RFC 7578) without keeping it: nothing is read ahead of the file that is being dealt with but
 * what came with it. Resolves with whether the whole body was read, which it is not beyond 1,000 parts; rejects with
 * BAD_USER_INPUT for one that is malformed or cut.
 */
export async function readDrops(request: IncomingMessage, reader: DropReader): Promise<boolean> {
  const parser = openParser(request.headers);
  let waiting = Promise.resolve();
  // The same but for the part that came last, whose bytes may still be to come.
  let earlier = waiting;
  let wasted = 0;
  let failure: Error | null = null;

  return new Promise((resolve, reject) => {
    const gate = new Writable({
      highWaterMark: BUFFERED_BYTES,
      write(chunk: Buffer, _encoding, callback) {
        // Small files end within the chunk they came in: all but the last are dealt with before more is read.
        const isRead = parser.write(chunk);
        const read = isRead ? Promise.resolve() : new Promise((done) => parser.once('drain', done));
        Promise.all([read, earlier]).then(() => callback(failure), callback);
      },
      final(callback) {
        parser.end();
        waiting.then(() => callback(failure), callback);
      },
    });
    const end = (error: Error | null) => {
      request.off('close', gone).unpipe(gate);
      if (!error) return resolve(true);
      if (error === STOPPED) return resolve(false);
      reject(error);
    };
    const fail = (error: Error) => {
      failure ??= error;
      gate.destroy(failure);
    };
    const gone = () => {
      if (!request.readableEnded) fail(cut());
    };

    parser.on('field', (name, value) => reader.field(name, String(value)));
    parser.on('file', (_name, part, filename, _encoding, mimeType) => {
      const stream = bodyOf(part);
      earlier = waiting;
      waiting = waiting.then(async () => {
        if (failure) return void stream.destroy();
        try {
          await reader.file({ filename: filename ?? '', mimeType, stream });
        } catch (error) {
          fail(error as Error);
        } finally {
          stream.destroy();
        }
      });
    });
    parser.on('partsLimit', () => fail(STOPPED));
    parser.on('error', (error) => fail(malformed((error as Error).message)));
    gate.once('finish', () => end(null)).once('error', end);
    request.once('close', gone);
    if (request.destroyed) gone();
    else request.pipe(gate);

    function bodyOf(part: Readable): Readable {
      const body = new PassThrough({ highWaterMark: BUFFERED_BYTES });
      // Whoever reads it hears of a failure; until then, or after giving up, nobody does.
      body.on('error', () => undefined);
      part.once('error', (error) => body.destroy(malformed(error.message)));
      gate.once('close', () => {
        if (!part.readableEnded) body.destroy(failure ?? cut());
      });
      body.once('close', () => {
        part.unpipe(body);
        part.on('data', (chunk: Buffer) => {
          wasted += chunk.length;
          if (wasted > WASTED_BYTES) fail(STOPPED);
        });
        part.resume();
      });
      return part.pipe(body);
    }
  });
}

/** What a reader rejects with to let the rest of a form unread. */
export const STOPPED = new Error('No more of the form is wanted.');

function openParser(headers: IncomingHttpHeaders) {
  try {
    return new Busboy({
      headers: { ...headers, 'content-type': headers['content-type'] ?? '' },
      highWaterMark: BUFFERED_BYTES,
      fileHwm: BUFFERED_BYTES,
      limits: {
        fieldSize: FIELD_BYTES,
        fields: MOST_FIELDS,
        parts: MOST_PARTS,
        headerPairs: 32,
        headerSize: 16 * 1024,
      },
    });
  } catch (error) {
    throw malformed((error as Error).message);
  }
}

const malformed = (why: string) => new AppError('BAD_USER_INPUT', `The form is malformed: ${why}`);
const cut = () => new AppError('BAD_USER_INPUT', 'The client went away before the form was complete.');
