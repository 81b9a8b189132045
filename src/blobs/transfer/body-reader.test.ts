import { PassThrough } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Body, BodyReader, type Reading } from './body-reader.ts';

const UNAVAILABLE = { code: 'STORAGE_UNAVAILABLE' };

function bodyOf(stream = new PassThrough()): Body & { stream: PassThrough } {
  return { stream, stop: () => stream.destroy() };
}

/** A reader of ten bytes, and the body that brings them. */
function readerOf(reading: Partial<Reading> = {}) {
  const body = bodyOf();
  return { body, reader: new BodyReader(body, { length: 10, timeoutMs: 5_000, ...reading }) };
}

const textOf = async (reader: BodyReader) => Buffer.concat(await Array.fromAsync(reader)).toString();

describe('the reader of an answer', () => {
  it('gives the bytes and ends with them', async () => {
    const { body, reader } = readerOf();
    body.stream.write('12345');
    body.stream.end('67890');
    expect(await textOf(reader)).toBe('1234567890');
  });

  it.each([
    ['ends early', (stream: PassThrough) => stream.end('12345')],
    ['breaks', (stream: PassThrough) => stream.destroy(new Error('reset'))],
    ['is cut off', (stream: PassThrough) => stream.destroy()],
    ['gives more than it should', (stream: PassThrough) => stream.end('12345678901')],
  ])('fails where the answer %s', async (_what, act) => {
    const { body, reader } = readerOf();
    act(body.stream);
    await expect(textOf(reader)).rejects.toMatchObject(UNAVAILABLE);
    expect(body.stream.destroyed).toBe(true);
  });

  it('fails where the answer was cut off before anybody could listen', async () => {
    const body = bodyOf();
    body.stream.destroy();
    await wait(5);
    const reader = new BodyReader(body, { length: 10, timeoutMs: 5_000 });
    await expect(textOf(reader)).rejects.toMatchObject(UNAVAILABLE);
  });

  it('keeps a failure to itself until somebody reads', async () => {
    const { body, reader } = readerOf();
    body.stream.destroy(new Error('reset'));
    await wait(20);
    expect(reader.destroyed).toBe(false);
    await expect(textOf(reader)).rejects.toMatchObject(UNAVAILABLE);
  });

  it('fails after a silence, but only one of the answer and not of who reads', async () => {
    const slow = readerOf({ timeoutMs: 30, length: 10 + 512 * 1024 });
    slow.body.stream.write(Buffer.alloc(512 * 1024));
    slow.reader.read(1);
    await wait(100);
    expect(slow.reader.errored).toBe(null);
    slow.reader.destroy();

    const silent = readerOf({ timeoutMs: 30 });
    silent.body.stream.write('12345');
    await expect(textOf(silent.reader)).rejects.toMatchObject(UNAVAILABLE);
  });

  it('asks for the rest of a broken answer where it can, and gives up after too many that bring nothing', async () => {
    const asked: number[] = [];
    const { body, reader } = readerOf({
      ask: async (left) => {
        asked.push(left);
        const next = bodyOf();
        next.stream.end('67890');
        return next;
      },
    });
    body.stream.end('12345');
    expect(await textOf(reader)).toBe('1234567890');
    expect(asked).toEqual([5]);

    let tries = 0;
    const hopeless = readerOf({
      ask: async () => {
        tries += 1;
        const next = bodyOf();
        next.stream.end();
        return next;
      },
    });
    hopeless.body.stream.end();
    await expect(textOf(hopeless.reader)).rejects.toMatchObject(UNAVAILABLE);
    expect(tries).toBe(3);
  });

  it('ends the connection when it is destroyed', async () => {
    const { body, reader } = readerOf();
    body.stream.write('12345');
    reader.destroy();
    await wait(5);
    expect(body.stream.destroyed).toBe(true);
  });
});
