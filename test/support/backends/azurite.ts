import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A running server of Azure Blob Storage, and the variables by which tests find it. */
export interface Azurite {
  readonly env: Readonly<Record<string, string>>;
  /** Ends it and removes what it stored. */
  stop(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL('../../../node_modules/.bin/azurite-blob', import.meta.url));
// Its standard input ends with the process that started it, however that ends.
const END_WITH_PARENT = 'data:text/javascript,process.stdin.on("end",()=>process.exit()).resume()';
const ACCOUNT = 'imaginary';
const PATIENCE_MS = 30_000;

/**
 * Starts one on a free port of this machine, with an account and a key of its own; resolves once it can be asked.
 * With the paths of a certificate and its key it speaks HTTPS, and knows identities that it is told of by a token.
 */
export async function startAzurite(secure?: { certificate: string; key: string }): Promise<Azurite> {
  const folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-azurite-'));
  const key = randomBytes(64).toString('base64');
  const port = await freePort();
  const place = ['--blobHost', '127.0.0.1', '--blobPort', String(port), '--location', folder];
  // Today's SDK speaks a newer version than it knows.
  const manners = ['--silent', '--disableTelemetry', '--skipApiVersionCheck'];
  const trust = secure ? ['--cert', secure.certificate, '--key', secure.key, '--oauth', 'basic'] : [];
  const child = spawn(
    process.execPath,
    ['--import', END_WITH_PARENT, PROGRAM, ...place, ...manners, ...trust],
    {
      env: { ...process.env, AZURITE_ACCOUNTS: `${ACCOUNT}:${key}` },
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  );
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-10_000);
    });
  }
  const ended = once(child, 'close');
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  const protocol = secure ? 'https' : 'http';
  const until = Date.now() + PATIENCE_MS;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || Date.now() > until) {
      await stop();
      throw new Error(`The server of Azure Blob Storage did not start:\n${log}`);
    }
    await wait(50);
  }
  const connection = {
    DefaultEndpointsProtocol: protocol,
    AccountName: ACCOUNT,
    AccountKey: key,
    BlobEndpoint: `${protocol}://127.0.0.1:${port}/${ACCOUNT}`,
  };
  const parts = Object.entries(connection).map(([name, value]) => `${name}=${value}`);
  return { env: { TEST_AZURE_CONNECTION_STRING: parts.join(';') }, stop };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return once(socket, 'connect').then(
    () => {
      socket.destroy();
      return true;
    },
    () => false,
  );
}
