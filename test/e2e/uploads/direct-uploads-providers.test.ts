import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../support/backend.ts';
import { newAzureContainer } from '../../support/backends/azure-container.ts';
import { newGcsBucket } from '../../support/backends/gcs-bucket.ts';
import { newS3Bucket } from '../../support/backends/s3-bucket.ts';
import { type Account, pause, register } from '../../support/client.ts';
import { DirectClient, sendPart } from '../../support/direct-upload.ts';
import { Inspector } from '../../support/leftovers.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

const MIB = 1024 * 1024;
const PROVIDERS: [string, () => Promise<Backend>][] = [
  ['aws', newS3Bucket],
  ['gcp', newGcsBucket],
  ['azure', newAzureContainer],
];

const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');
const codes = (answer: { errors: readonly { extensions: { code: string } }[] }) =>
  answer.errors.map(({ extensions }) => extensions.code);

describe.each(PROVIDERS)('A direct upload to %s', (provider, newBucket) => {
  let backend: Backend;
  let server: RunningServer;
  let inspector: Inspector;
  let ann: Account;
  let client: DirectClient;

  beforeAll(async () => {
    backend = await newBucket();
    server = await startServer({
      ...backend.env,
      STORAGE_PROVIDER: provider,
      DIRECT_PART_SIZE: String(5 * MIB),
      BLOCKED_MIME_TYPES: 'application/pdf',
      SWEEP_INTERVAL_SECONDS: '1',
    });
    inspector = await Inspector.of(server);
    ann = await register(server.origin);
    client = new DirectClient(server.origin, ann.token);
  });
  afterAll(async () => {
    await inspector.close();
    await server.stop();
  });

  const download = async (id: string) => {
    const headers = { authorization: `Bearer ${ann.token}` };
    const answer = await fetch(`${server.origin}/files/${id}/content`, { headers });
    return Buffer.from(await answer.arrayBuffer());
  };
  const usedBytes = () => inspector.usedBytes(ann.id);
  const tickets = () => inspector.connection.collection('files');

  it.each([0, 1, 12 * MIB + 17])(
    'of %i bytes arrives whole, and goes to the provider itself',
    async (size) => {
      const content = randomBytes(size);
      const ticket = await client.sent(content);
      for (const { url } of ticket.parts) expect(new URL(url).origin).toBe(backend.origin);
      const { data, text } = await client.complete(ticket.id);
      expect(data?.completeUpload, text).toMatchObject({ fileSize: size, fileHash: sha256(content) });
      expect((await download(ticket.id)).equals(content)).toBe(true);
    },
  );

  it('stores the bytes that were checked, whatever is sent under its address later', async () => {
    const ticket = await client.sent(Buffer.from('hello'));
    await client.complete(ticket.id);
    await sendPart(`${ticket.url}`, 'hullo', { headers: ticket.headers });
    expect((await client.complete(ticket.id)).data?.completeUpload.fileHash).toBe(sha256('hello'));
    expect((await download(ticket.id)).toString()).toBe('hello');
    // Once its addresses are dead the sweep removes what came late, and forgets them.
    const past = new Date(1);
    await tickets().updateMany(
      { direct: { $exists: true } },
      { $set: { 'direct.expiresAt': past, heartbeatAt: past } },
    );
    for (let i = 0; i < 200 && (await tickets().findOne({ direct: { $exists: true } })); i += 1)
      await pause(50);
    expect(await tickets().countDocuments({ direct: { $exists: true } })).toBe(0);
    expect((await download(ticket.id)).toString()).toBe('hello');
  });

  it('of a wrong size is not taken for a part', async () => {
    const ticket = await client.ticket({ fileSize: 1_000 });
    for (const size of [999, 1_001]) {
      await sendPart(`${ticket.url}`, Buffer.alloc(size), { headers: ticket.headers }).catch(() => undefined);
      expect(codes(await client.complete(ticket.id))).toEqual(['BAD_USER_INPUT']);
    }
    await client.send(ticket, Buffer.alloc(1_000));
    expect((await client.complete(ticket.id)).data?.completeUpload.fileSize).toBe(1_000);
  });

  it.each([
    ['of a blocked type', '%PDF-1.7\n', {}, 'UNSUPPORTED_MEDIA_TYPE'],
    ['of another hash than announced', 'hullo', { sha256: sha256('hello') }, 'HASH_MISMATCH'],
  ])('%s is refused, and counts for nothing', async (_what, content, facts, code) => {
    const before = await usedBytes();
    expect(codes(await client.upload(Buffer.from(content), facts))).toEqual([code]);
    expect(await usedBytes()).toBe(before);
  });

  it('is what its bytes say, not what the client says', async () => {
    const { file } = await client.upload(Buffer.from('<!doctype html><script>'), { mimeType: 'image/png' });
    expect(file?.mimeType).toBe('application/octet-stream');
  });

  it('can be cancelled, and counts for nothing then', async () => {
    const before = await usedBytes();
    const { id } = await client.sent(Buffer.from('hello'));
    expect(await usedBytes()).toBe(before + 5);
    expect((await client.cancel(id)).data?.cancelUpload).toBe(true);
    expect(await usedBytes()).toBe(before);
    expect(codes(await client.complete(id))).toEqual(['NOT_FOUND']);
    expect(codes(await client.cancel(id))).toEqual(['NOT_FOUND']);
  });

  it('can be completed by fifty requests at once and is one file', async () => {
    const content = randomBytes(6 * MIB);
    const before = await usedBytes();
    const { id } = await client.sent(content);
    const answers = await Promise.all(Array.from({ length: 50 }, () => client.complete(id)));
    expect(answers.some(({ data }) => data?.completeUpload.fileHash === sha256(content))).toBe(true);
    expect(new Set(answers.flatMap(codes))).toEqual(new Set(['CONFLICT']));
    expect(await usedBytes()).toBe(before + content.length);
  });
});
