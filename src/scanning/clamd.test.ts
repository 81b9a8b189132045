import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { ClamdScanner } from './clamd.ts';

const VERSION = 'ClamAV 1.4.3/27800/Thu Jan  1 00:00:00 2026';
const ENGINE = 'ClamAV 1.4.3/27800';
const SOON = { connectMs: 300, answerMs: 300, stallMs: 300, verdictMs: 300, turnMs: 300 };
const CHUNK = Buffer.alloc(64 * 1024, 'a');

let server: Server | undefined;
const sockets = new Set<Socket>();
let most = 0;

afterEach(() => {
  server?.close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  most = 0;
});

/** A server that answers VERSION and lets the script have every stream, after its command. */
async function scripted(stream: (socket: Socket) => void, limits = {}): Promise<ClamdScanner> {
  server = createServer((socket) => {
    sockets.add(socket);
    most = Math.max(most, sockets.size);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.once('data', (first: Buffer) => {
      if (first.toString().startsWith('zVERSION\0')) return socket.end(`${VERSION}\0`);
      if (first.toString().startsWith('zPING\0')) return socket.end('PONG\0');
      socket.unshift(first.subarray('zINSTREAM\0'.length));
      stream(socket);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return new ClamdScanner({ host: '127.0.0.1', port }, { ...SOON, ...limits });
}

/** Takes frames until the empty one, then answers. */
function answering(reply: string, seen: Buffer[] = []) {
  return (socket: Socket) => {
    let held = Buffer.alloc(0);
    socket.on('data', (data: Buffer) => {
      held = Buffer.concat([held, data]);
      while (held.length >= 4 && held.length >= 4 + held.readUInt32BE()) {
        const size = held.readUInt32BE();
        if (size === 0) return void socket.end(reply);
        seen.push(held.subarray(4, 4 + size));
        held = held.subarray(4 + size);
      }
    });
  };
}

async function verdictOn(scanner: ClamdScanner, chunks: readonly Buffer[]) {
  const scan = scanner.scan('ann');
  for (const chunk of chunks) await scan.write(chunk);
  return scan.end();
}

describe('A clamd is asked by its own protocol', () => {
  it('with every byte framed, in order, and its answer taken for what it is', async () => {
    const seen: Buffer[] = [];
    const scanner = await scripted(answering('stream: OK\0', seen));
    const chunks = [Buffer.from('a'), CHUNK, Buffer.from(''), Buffer.from('the end')];
    expect(await verdictOn(scanner, chunks)).toEqual({ kind: 'clean', engine: ENGINE });
    expect(Buffer.concat(seen).equals(Buffer.concat(chunks))).toBe(true);
  });

  it.each([
    [
      'stream: Win.Test.EICAR_HDB-1 FOUND\0',
      { kind: 'infected', threat: 'Win.Test.EICAR_HDB-1', engine: ENGINE },
    ],
    ['stream: Two words FOUND\0', { kind: 'infected', threat: 'Two words', engine: ENGINE }],
    ['stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0', { kind: 'unable', cause: 'over-limit' }],
    ['INSTREAM size limit exceeded. ERROR\0', { kind: 'unable', cause: 'over-limit' }],
    ['stream: Can’t allocate memory ERROR\0', { kind: 'unable', cause: 'unavailable' }],
    ['\0', { kind: 'unable', cause: 'unavailable' }],
    ['stream: OK', { kind: 'unable', cause: 'unavailable' }],
    ['x'.repeat(9_000), { kind: 'unable', cause: 'unavailable' }],
  ])('where %j', async (reply, verdict) => {
    const scanner = await scripted(answering(reply));
    expect(await verdictOn(scanner, [CHUNK])).toMatchObject(verdict);
  });

  it('and an empty content is clean without it', async () => {
    expect(await verdictOn(new ClamdScanner({ path: '/nowhere' }), [])).toEqual({
      kind: 'clean',
      engine: null,
    });
  });

  it('and its version is asked seldom', async () => {
    const scanner = await scripted(answering('stream: OK\0'));
    await scanner.check();
    const before = most;
    await Promise.all(Array.from({ length: 20 }, () => scanner.engine()));
    expect(most - before).toBeLessThanOrEqual(1);
  });
});

describe('A clamd that does not do its part gives no verdict, and in time', () => {
  it('when nothing listens', async () => {
    const scanner = new ClamdScanner({ path: '/nowhere/clamd.sock' }, SOON);
    expect(await verdictOn(scanner, [CHUNK])).toMatchObject({ kind: 'unable', cause: 'unavailable' });
    await expect(scanner.check()).rejects.toThrow();
  });

  it('when it closes at once', async () => {
    const scanner = await scripted((socket) => socket.destroy());
    expect(await verdictOn(scanner, [CHUNK, CHUNK])).toMatchObject({ kind: 'unable', cause: 'unavailable' });
  });

  it('when it dies in the middle, which is known before the end', async () => {
    const scanner = await scripted((socket) => {
      socket.once('data', () => socket.resetAndDestroy());
    });
    const scan = scanner.scan('ann');
    for (let i = 0; i < 1000 && !scan.failed; i += 1) {
      await scan.write(CHUNK);
      await pause(1);
    }
    expect(scan.failed).toMatchObject({ cause: 'unavailable' });
    expect(scan.write(CHUNK)).toBeUndefined();
    expect(await scan.end()).toBe(scan.failed);
  });

  it('when it accepts and never reads', async () => {
    const scanner = await scripted((socket) => socket.pause());
    const scan = scanner.scan('ann');
    let written = 0;
    for (; written < 2000 && !scan.failed; written += 1) await scan.write(CHUNK);
    expect(scan.failed).toMatchObject({ reason: 'clamd took no bytes for too long.' });
    // What is not taken is not buffered either: no more than the kernel holds of a connection.
    expect(written * CHUNK.length).toBeLessThan(32 * 1024 * 1024);
  });

  it('when it reads and never answers', async () => {
    const scanner = await scripted((socket) => socket.resume());
    expect(await verdictOn(scanner, [CHUNK])).toMatchObject({ reason: 'clamd gave no verdict in time.' });
  });

  it('when it says that all is well before it has seen all', async () => {
    const scanner = await scripted((socket) => socket.end('stream: OK\0'));
    const scan = scanner.scan('ann');
    await scan.write(CHUNK);
    await pause(50);
    expect(await scan.end()).toMatchObject({ kind: 'unable', cause: 'unavailable' });
  });

  it('and its own limit, which it tells while bytes still come, is not lost', async () => {
    const scanner = await scripted((socket) => {
      let received = 0;
      socket.on('data', (data: Buffer) => {
        received += data.length;
        if (received > 200_000) socket.end('INSTREAM size limit exceeded. ERROR\0');
      });
    });
    const scan = scanner.scan('ann');
    for (let i = 0; i < 1000 && !scan.failed; i += 1) await scan.write(CHUNK);
    expect(await scan.end()).toMatchObject({ kind: 'unable', cause: 'over-limit' });
  });

  it('and one that asks for its version in vain says so', async () => {
    server = createServer((socket) => void sockets.add(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const scanner = new ClamdScanner(
      { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
      SOON,
    );
    await expect(scanner.engine()).rejects.toThrow('did not answer in time');
    expect(await verdictOn(scanner, [CHUNK])).toMatchObject({ kind: 'unable' });
  });
});

describe('Many contents at once', () => {
  it('wait for their turn', async () => {
    const scanner = await scripted(answering('stream: OK\0'), { atOnce: 3, turnMs: 5_000 });
    await scanner.engine();
    most = 0;
    const verdicts = await Promise.all(Array.from({ length: 20 }, () => verdictOn(scanner, [CHUNK, CHUNK])));
    expect(verdicts.every(({ kind }) => kind === 'clean')).toBe(true);
    expect(most).toBeLessThanOrEqual(3 + 1);
  });

  it('but not for ever, and one that is given up makes room', async () => {
    const scanner = await scripted((socket) => socket.resume(), { atOnce: 1, verdictMs: 60_000 });
    const first = scanner.scan('ann');
    await first.write(CHUNK);
    expect(await verdictOn(scanner, [CHUNK])).toMatchObject({ kind: 'unable', cause: 'unavailable' });
    first.destroy();
    const second = scanner.scan('ann');
    await second.write(CHUNK);
    expect(second.failed).toBeNull();
    second.destroy();
  });
});
