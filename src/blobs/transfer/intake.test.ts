import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Intake, type Part, type Storing, takeIn } from './intake.ts';

const MiB = 2 ** 20;
const options = { partSize: 100, partsInFlight: 2, signal: undefined };

/** Takes a source in; what is done with each part is given. */
function storing(store: (part: Part, intake: Intake) => unknown, undo = () => {}) {
  return (intake: Intake): Storing => ({
    async store() {
      for await (const part of intake.parts()) await store(part, intake);
      await intake.settled();
    },
    undo: async () => undo(),
  });
}

const sourceOf = (...chunks: unknown[]) => Readable.from(chunks);

describe('a source that is taken in', () => {
  it.each([
    [[], [0]],
    [[100], [100]],
    [
      [60, 40, 1],
      [100, 1],
    ],
    [[350], [100, 100, 100, 50]],
    [
      [99, 2, 99],
      [100, 100],
    ],
  ])('comes in parts of one size, and a last one, from chunks of %j bytes', async (chunks, sizes) => {
    const parts: Part[] = [];
    const contents = chunks.map((size, index) => Buffer.alloc(size, `chunk ${index}`));
    const total = await takeIn(
      sourceOf(...contents),
      options,
      storing((part) => parts.push({ ...part, bytes: Buffer.from(part.bytes) })),
    );
    expect(total).toBe(Buffer.concat(contents).length);
    expect(parts.map(({ bytes }) => bytes.length)).toEqual(sizes);
    expect(parts.map(({ number }) => number)).toEqual(sizes.map((_, index) => index + 1));
    expect(parts.map(({ isLast }) => isLast)).toEqual(sizes.map((_, index) => index === sizes.length - 1));
    expect(Buffer.concat(parts.map(({ bytes }) => bytes)).equals(Buffer.concat(contents))).toBe(true);
  });

  it('has no more parts on their way than it may', async () => {
    let [onTheirWay, most] = [0, 0];
    const send = async () => {
      onTheirWay += 1;
      most = Math.max(most, onTheirWay);
      await wait(5);
      onTheirWay -= 1;
    };
    await takeIn(
      sourceOf(Buffer.alloc(950)),
      options,
      storing((part, intake) => intake.send(part, send())),
    );
    expect(most).toBe(2);
  });

  it('lies in the memory of as few parts as are held at once, however many there are', async () => {
    const memories = new Set<ArrayBufferLike>();
    await takeIn(
      sourceOf(...Array.from({ length: 64 }, () => Buffer.alloc(MiB))),
      { partSize: 4 * MiB, partsInFlight: 2, signal: undefined },
      storing((part, intake) => {
        memories.add(part.bytes.buffer);
        intake.send(part, wait(1));
      }),
    );
    expect(memories.size).toBeLessThanOrEqual(3);
  });

  it('is not filled on while a part is on its way that leaves no room for a second', async () => {
    const memories = new Set<ArrayBufferLike>();
    await takeIn(
      sourceOf(...Array.from({ length: 10 }, () => Buffer.alloc(10 * MiB))),
      { partSize: 32 * MiB, partsInFlight: 8, signal: undefined },
      storing((part, intake) => {
        memories.add(part.bytes.buffer);
        intake.send(part, wait(1));
      }),
    );
    expect(memories.size).toBe(1);
  });
});

describe('an intake that fails', () => {
  const stalled = () => new Readable({ read() {} });

  it('is undone after the last part has ended, and tells the source’s own error', async () => {
    const events: string[] = [];
    const source = Readable.from(
      (function* () {
        yield Buffer.alloc(150);
        throw new Error('the source broke');
      })(),
    );
    const sending = () => wait(20).then(() => events.push('sent'));
    const taking = takeIn(
      source,
      options,
      storing(
        (part, intake) => intake.send(part, sending()),
        () => events.push('undone'),
      ),
    );
    await expect(taking).rejects.toThrow('the source broke');
    expect(events).toEqual(['sent', 'undone']);
  });

  it('destroys a source that has stalled, whether the signal, a part or the writer ends it', async () => {
    const ending = new AbortController();
    const bySignal = stalled();
    const taking = takeIn(
      bySignal,
      { ...options, signal: ending.signal },
      storing(() => {}),
    );
    ending.abort(new Error('no longer wanted'));
    await expect(taking).rejects.toThrow('no longer wanted');
    expect(bySignal.destroyed).toBe(true);

    const byPart = stalled();
    byPart.push(Buffer.alloc(101));
    const refused = async () => {
      await wait(5);
      throw new Error('the part was refused');
    };
    await expect(
      takeIn(
        byPart,
        options,
        storing((part, intake) => intake.send(part, refused())),
      ),
    ).rejects.toThrow('the part was refused');
    expect(byPart.destroyed).toBe(true);

    const byWriter = stalled();
    const store = () => Promise.reject(new Error('nothing may be written'));
    await expect(takeIn(byWriter, options, () => ({ store, undo: async () => {} }))).rejects.toThrow(
      'nothing may be written',
    );
    expect(byWriter.destroyed).toBe(true);
  });

  it('is refused what is no stream of bytes', async () => {
    await expect(
      takeIn(
        sourceOf({ no: 'bytes' }),
        options,
        storing(() => {}),
      ),
    ).rejects.toThrow(TypeError);
  });
});
