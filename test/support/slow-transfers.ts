import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { multipart, operationParts, pause, UPLOAD_FILE, uploadHeaders } from './client.ts';
import { RawConnection } from './raw-connection.ts';

const MIB = 1024 * 1024;
/** More bytes than two sockets and what lies between them can hold. */
export const LARGE = 64 * MIB;

/** Begins an upload of 8 MiB, sends the first of them and leaves it at that; `operation` may bring another one. */
export async function slowUpload(
  origin: string,
  token: string,
  fields = operationParts(UPLOAD_FILE, { file: null }, { 0: ['variables.file'] }),
): Promise<RawConnection> {
  const content = Buffer.concat([Buffer.from('slow '), randomBytes(8 * MIB)]);
  const body = multipart([...fields, { name: '0', filename: 'slow.bin', content }]);
  const connection = await RawConnection.open(origin);
  connection.begin({ ...uploadHeaders(token), 'content-length': String(body.length) });
  connection.socket.write(body.subarray(0, MIB));
  return connection;
}

/** A download that is read slowly. */
export interface SlowDownload {
  /** Resolves with how many bytes came, once the connection has ended or all is there. */
  readonly ended: Promise<number>;
  /** Reads as fast as it can from now on. */
  hurry(): void;
}

/** Begins a download and reads about 4 MiB of it in a second. */
export function slowDownload(url: string, headers: Record<string, string> = {}): Promise<SlowDownload> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { headers, agent: false }, (response) => {
      let received = 0;
      let isHurried = false;
      response.on('data', (chunk: Buffer) => {
        received += chunk.length;
        if (isHurried) return;
        response.pause();
        void pause(chunk.length / (4 * 1024)).then(() => response.resume());
      });
      const ended = new Promise<number>((over) => {
        response.once('close', () => over(received));
      });
      response.on('error', () => undefined);
      if (response.statusCode !== 200) reject(new Error(`The download answered ${response.statusCode}.`));
      const hurry = () => {
        isHurried = true;
        response.resume();
      };
      resolve({ ended, hurry });
    });
    outgoing.once('error', reject);
    outgoing.end();
  });
}
