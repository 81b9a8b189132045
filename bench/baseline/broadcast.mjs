import { once } from 'node:events';
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { serve } from '../lib/processes.mjs';

let sockets;

/** The least server that keeps WebSockets and sends the same text to all of them. */
serve(async ({ kind, text }) => {
  if (kind === 'serve') return listen();
  for (const ws of sockets.clients) ws.send(text);
  return Date.now();
});

async function listen() {
  const server = createServer();
  sockets = new WebSocketServer({ server });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { origin: `http://127.0.0.1:${server.address().port}` };
}
