import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { serve } from '../lib/processes.mjs';

/**
 * The bare upload server. Every request's body becomes a new file, multipart framing and all:
 * `/pipe` does nothing else, `/hash` computes the SHA-256 on the way, `/durable` also waits for the disk.
 */
serve(async ({ folder }) => {
  let files = 0;
  const server = createServer(async (request, response) => {
    files += 1;
    try {
      const answer = await receive(request, join(folder, `${process.pid}-${files}`));
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
    } catch (error) {
      response.writeHead(500).end(error.stack);
    }
  });
  server.requestTimeout = 0;
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { origin: `http://127.0.0.1:${server.address().port}` };
});

async function receive(request, path) {
  if (request.url === '/pipe') {
    await pipeline(request, createWriteStream(path, { flags: 'wx' }));
    return {};
  }
  const hashing = new Hashing();
  const file = createWriteStream(path, { flags: 'wx', flush: request.url === '/durable' });
  await pipeline(request, hashing, file);
  if (request.url === '/durable') await syncFolder(join(path, '..'));
  return { sha256: hashing.sha256.digest('hex') };
}

async function syncFolder(path) {
  const folder = await open(path, 'r');
  await folder.sync();
  await folder.close();
}

class Hashing extends Transform {
  sha256 = createHash('sha256');

  _transform(chunk, _encoding, done) {
    this.sha256.update(chunk);
    done(null, chunk);
  }
}
