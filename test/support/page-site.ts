import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

/** A site with one page, of an origin of its own. */
export interface PageSite {
  /** Such as `http://127.0.0.1:41234`. */
  readonly origin: string;
  stop(): Promise<void>;
}

/** Serves a page with this body and one script: the module, bundled with all that it imports. */
export async function startPageSite(module: URL, body: string): Promise<PageSite> {
  const bundled = await build({ input: fileURLToPath(module), platform: 'browser', write: false });
  const script = bundled.output[0].code;
  const html = `<!doctype html><title>A frontend</title><link rel="icon" href="data:,">${body}<script type="module" src="/script.js"></script>`;
  const server = createServer(({ url = '' }, answer) => {
    const isScript = url === '/script.js';
    answer.setHeader('content-type', isScript ? 'text/javascript' : 'text/html; charset=utf-8');
    answer.end(isScript ? script : html);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
