import { Signer } from '../../auth/signatures.ts';
import { DownloadNotes } from '../../services/audit/download-notes.ts';
import { BlobReader, type ReadObserver } from '../../services/copies/blob-reader.ts';
import { DownloadService } from '../../services/files/downloads.ts';
import { FileCursors } from '../../services/files/file-cursors.ts';
import { FileListing } from '../../services/files/file-listing.ts';
import type { FilePurge } from '../../services/files/file-purge.ts';
import { FileService, type HeldFiles } from '../../services/files/files.ts';
import { LinkService } from '../../services/files/links.ts';
import type { Authentication } from '../../services/sessions/authentication.ts';
import { collectYoungEvery, YOUNG_BYTES } from '../young-garbage.ts';
import type { AuditedParts } from './parts.ts';

/** Wires what is done with stored files. */
export function createFiles(
  parts: AuditedParts,
  { purge, held, authentication }: { purge: FilePurge; held: HeldFiles; authentication: Authentication },
) {
  const { config, collections, stores, secrets, metrics, log, baseUrl } = parts;
  const fellBack: ReadObserver['fellBack'] = (blob, { provider, key }, err) => {
    metrics.readFellBack(provider);
    log.warn({ err, blob, provider, key }, 'a blob was read from another copy than its first');
  };
  const reader = new BlobReader(
    collections.blobs,
    stores,
    { fellBack, decrypted: collectYoungEvery(YOUNG_BYTES) },
    parts.keys,
  );
  const files = new FileService(collections.files, purge, parts.audit, held);
  const links = new LinkService(new Signer(secrets, 'content links'), baseUrl);
  return {
    files,
    listing: new FileListing(collections.files, new FileCursors(new Signer(secrets, 'cursors'))),
    links,
    downloads: new DownloadService({
      collections,
      files,
      authentication,
      links,
      reader,
      stores,
      watch: parts.watch,
      notes: new DownloadNotes(parts.audit),
      redirects: config.DOWNLOAD_MODE === 'redirect',
    }),
  };
}
