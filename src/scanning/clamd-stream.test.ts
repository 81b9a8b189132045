import { Duplex } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { ClamdStream } from './clamd-stream.ts';

const MOST_BYTES = 8 * 1024 * 1024;

/** A connection that must be waited for after every write. */
function crowded(): Duplex {
  return new Duplex({ highWaterMark: 1, read: () => undefined, write: (_chunk, _encoding, done) => done() });
}

it('A scan holds no more after a hundred thousand pieces that clamd let it wait with than after a few', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const connection = crowded();
  const scan = new ClamdStream({
    turn: async () => () => undefined,
    engine: async () => 'ClamAV 1.4.3/1',
    connect: async () => connection as never,
    limits: { stallMs: 60_000, verdictMs: 60_000 },
  });
  const piece = Buffer.from('a');
  let waits = 0;
  const write = async (pieces: number) => {
    for (let i = 0; i < pieces; i += 1) {
      const taking = scan.write(piece);
      if (taking) waits += 1;
      await taking;
    }
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = await write(1_000);
  const after = await write(100_000);
  expect(waits).toBeGreaterThan(100_000);
  expect(after - before).toBeLessThan(MOST_BYTES);
  expect(connection.listenerCount('drain')).toBe(0);
  scan.destroy();
});
