import { Signer } from '../../auth/signatures.ts';
import type { Authentication } from '../../services/accounts/authentication.ts';
import { BlobReader } from '../../services/copies/blob-reader.ts';
import { DownloadService } from '../../services/files/downloads.ts';
import { FileCursors } from '../../services/files/file-cursors.ts';
import { FileListing } from '../../services/files/file-listing.ts';
import type { FilePurge } from '../../services/files/file-purge.ts';
import { FileService } from '../../services/files/files.ts';
import { LinkService } from '../../services/files/links.ts';
import type { AuditedParts } from './parts.ts';

/** Wires what is done with stored files. */
export function createFiles(
  parts: AuditedParts,
  { purge, authentication }: { purge: FilePurge; authentication: Authentication },
) {
  const { config, collections, stores, secrets, metrics, log, baseUrl } = parts;
  const reader = new BlobReader(collections.blobs, stores, {
    fellBack: (blob, { provider, key }, err) => {
      metrics.readFellBack(provider);
      log.warn({ err, blob, provider, key }, 'a blob was read from another copy than its first');
    },
  });
  const files = new FileService(collections.files, purge);
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
      redirects: config.DOWNLOAD_MODE === 'redirect',
    }),
  };
}
