import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A host of this machine that nothing should ask; `asked` tells how often something did. */
export async function startCanary(): Promise<{
  port: number;
  asked: () => number;
  stop: () => Promise<void>;
}> {
  let asked = 0;
  const host = createServer((_request, response) => {
    asked += 1;
    response.end();
  }).listen(0, '127.0.0.1');
  await once(host, 'listening');
  const stop = async () => {
    host.close();
    host.closeAllConnections();
    await once(host, 'close');
  };
  return { port: (host.address() as AddressInfo).port, asked: () => asked, stop };
}
