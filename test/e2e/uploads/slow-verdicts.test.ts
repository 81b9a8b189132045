import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { infected, ScanClient } from '../../support/scan-client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const IDLE_SECONDS = 1;
const VERDICT_MS = 3_500;

let clamd: Server;
const sockets = new Set<Socket>();
let server: RunningServer;
let owner: ScanClient;

beforeAll(async () => {
  clamd = createServer(answer).listen(0, '127.0.0.1');
  await once(clamd, 'listening');
  const { port } = clamd.address() as AddressInfo;
  server = await startServer({
    CLAMAV_HOST: '127.0.0.1',
    CLAMAV_PORT: `${port}`,
    UPLOAD_IDLE_SECONDS: `${IDLE_SECONDS}`,
  });
  owner = await ScanClient.register(server);
});
afterAll(async () => {
  await server?.stop();
  for (const socket of sockets) socket.destroy();
  clamd?.close();
});

/** A scanner that thinks for longer than a connection may be without a byte. */
function answer(socket: Socket): void {
  sockets.add(socket);
  socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  socket.once('data', (first: Buffer) => {
    if (first.toString().startsWith('zPING')) return socket.end('PONG\0');
    if (first.toString().startsWith('zVERSION')) return socket.end('ClamAV 1.4.3/1\0');
    return pause(VERDICT_MS).then(() => socket.end('stream: OK\0'));
  });
}

it('An upload whose scan takes longer than a connection may be idle is answered', async () => {
  const id = await owner.idOf(infected('nothing'));
  expect(await owner.shown(id)).toMatchObject({ uploadStatus: 'COMPLETED', virus: { isClean: true } });
});
