import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Passes TCP on to a server, until it is told to be silent or to go. */
export interface TcpRelay {
  readonly port: number;
  /** Keeps its connections and takes new ones, and passes nothing on any more. */
  hang(): void;
  /** Closes everything. */
  close(): Promise<void>;
}

/** Opens a relay on a free port of this machine, or on the one given. */
export async function openRelay(target: { host: string; port: number }, at = 0): Promise<TcpRelay> {
  const sockets = new Set<Socket>();
  let isSilent = false;
  const server = createServer((client) => {
    const there = connect(target.port, target.host);
    for (const [from, to] of [
      [client, there],
      [there, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => {
        if (!isSilent) to.write(chunk);
      });
      from.on('error', () => undefined).once('close', () => to.destroy());
    }
  }).listen(at, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    hang() {
      isSilent = true;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}
