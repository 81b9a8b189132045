import { once } from 'node:events';
import { type ClientRequest, request } from 'node:http';
import { BOUNDARY, operationParts, partHead, UPLOAD_FILE, uploadHeaders } from './client.ts';

/** An upload of one file that is sent piece by piece, each when the caller says so. */
export class SlowUpload {
  private readonly outgoing: ClientRequest;
  private readonly answer: Promise<string>;

  constructor(origin: string, token: string, input?: object) {
    this.outgoing = request(`${origin}/graphql`, {
      method: 'POST',
      headers: uploadHeaders(token),
      agent: false,
    });
    this.answer = new Promise((resolve, reject) => {
      this.outgoing.once('error', reject);
      this.outgoing.once('response', async (response) => {
        resolve(Buffer.concat(await response.toArray()).toString());
      });
    });
    this.answer.catch(() => undefined);
    for (const { content, ...head } of operationParts(
      UPLOAD_FILE,
      { file: null, input },
      { 0: ['variables.file'] },
    )) {
      this.outgoing.write(partHead(head));
      this.outgoing.write(content);
      this.outgoing.write('\r\n');
    }
    this.outgoing.write(partHead({ name: '0', filename: 'file.bin' }));
  }

  /** Resolves once there is room for the next piece. */
  async send(piece: string | Buffer): Promise<void> {
    if (!this.outgoing.write(piece)) await once(this.outgoing, 'drain');
  }

  /** Goes away before the file is complete. */
  cut(): void {
    this.outgoing.destroy();
  }

  /** The text of the answer. */
  end(): Promise<string> {
    this.outgoing.end(`\r\n--${BOUNDARY}--\r\n`);
    return this.answer;
  }
}
