import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { contest } from '../lib/measure.mjs';
import { compared } from '../lib/report.mjs';

const MB = 1e6;

/** (f) One large upload and one large download with encryption, against the same without; MB/s. */
export async function encryption(scope, { rounds, largeBytes: bytes }) {
  const key = `bench:${randomBytes(32).toString('base64')}`;
  const servers = { ours: await scope.server({ ENCRYPTION_KEYS: key }), plain: await scope.server() };
  const client = scope.helper('client/main.mjs');
  const send = ({ origin, token }) =>
    client.ask({ kind: 'uploads', url: `${origin}/graphql`, token, files: 1, bytes, connections: 1 });
  const what = { row: 'f', unit: 'MB/s', rounds };
  const between = (runs) =>
    contest(
      scope,
      what,
      Object.fromEntries(
        Object.entries(servers).map(([name, server]) => [name, { pid: server.pid, run: () => runs(server) }]),
      ),
    );

  const uploads = await between(async (server) => {
    const { seconds } = await send(server);
    // Nobody pays for writing back what another has left behind.
    await emptyFolder(server.blobs);
    return bytes / MB / seconds;
  });
  const addresses = new Map();
  for (const server of Object.values(servers)) {
    const { last } = await send(server);
    addresses.set(server, `${server.origin}/files/${last.data.uploadFile.id}/content`);
  }
  const downloads = await between(async (server) => {
    const url = addresses.get(server);
    const { seconds } = await client.ask({ kind: 'download', url, token: server.token, bytes });
    return bytes / MB / seconds;
  });
  const line = (name, { ours, plain }) =>
    compared({ ...what, what: `${name}, encrypted : plain`, ours, baseline: plain, goal: 0.7 });
  return [line('large upload', uploads), line('large download', downloads)];
}

/** Removes every file below a folder, but keeps the folders. */
async function emptyFolder(folder) {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  await Promise.all(files.map((entry) => rm(join(entry.parentPath, entry.name), { force: true })));
}
