import type { Wired } from '../../../src/app/services.ts';
import type { Collections } from '../../../src/models/collections.ts';
import type { StoredFile } from '../../../src/models/file.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { isNamed } from '../../../src/services/check/stored-places.ts';

const LONG_AGO = new Date(Date.UTC(2020, 0, 1));

/** Asks everything that the processing of contents and their previews ask, of a file that waits for it. */
export async function askProcessing(
  { processing, services, keyRotation, janitor }: Wired,
  { blobs, files }: Collections,
  { _id, blob }: Pick<StoredFile, '_id' | 'blob'>,
): Promise<void> {
  const signal = new AbortController().signal;
  const failure = { at: new Date(), told: 'told', reason: 'reason' };
  await files.collection.updateOne(
    { _id },
    { $set: { processingStatus: 'PENDING', updatedAt: LONG_AGO } as never },
  );
  await processing.backlog.isNeeded();
  await janitor.run('process', signal);
  await blobs.collection.updateOne(
    { _id: blob as never },
    { $set: { processingFailure: failure, previews: [preview()] } as never, $unset: { processedAt: '' } },
  );
  await processing.backlog.failed();
  await processing.backlog.counts();
  await processing.backlog.retryAll(signal);
  await processing.backlog.look(signal);
  await processing.backlog.processOld(signal);
  await keyRotation.uses();
  await isNamed({ blobs, files }, { provider: 'local', key: '3'.repeat(32) });
  const [previews = []] = await services.previews.ofBlobs([String(blob)]);
  services.previews.url(null, { _id }, 512, previews);
  await services.previews.open({ blob } as never, 128).catch(() => undefined);
  await janitor.run('process', signal);
}

const preview = () => ({
  ...{
    _id: new ObjectId(),
    provider: 'local',
    location: 'nowhere',
    key: '3'.repeat(32),
    pixels: 128,
    bytes: 1,
  },
  encryption: { algorithm: 'AES-256-GCM-STREAM', keyId: 'nobody', wrappedKey: '' },
});
