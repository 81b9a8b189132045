import { Signer } from '../../auth/signatures.ts';
import { DownloadNotes } from '../../services/audit/download-notes.ts';
import { BlobReader, type ReadObserver } from '../../services/copies/blob-reader.ts';
import { BulkFiles } from '../../services/files/bulk.ts';
import { DownloadService } from '../../services/files/downloads.ts';
import { FileCursors } from '../../services/files/file-cursors.ts';
import { FileListing } from '../../services/files/file-listing.ts';
import type { FilePurge } from '../../services/files/file-purge.ts';
import { FileService, type HeldFiles } from '../../services/files/files.ts';
import { LinkService } from '../../services/files/links.ts';
import { FileMoves } from '../../services/folders/file-moves.ts';
import { FileSearch } from '../../services/search/file-search.ts';
import type { Authentication } from '../../services/sessions/authentication.ts';
import { ManyPermissions } from '../../services/sharing/permissions/many-permissions.ts';
import { VersionReader } from '../../services/versions/version-reader.ts';
import { collectYoungEvery, YOUNG_BYTES } from '../young-garbage.ts';
import type { Folding } from './folders.ts';
import type { AuditedParts } from './parts.ts';

/** Wires what is done with stored files. */
export function createFiles(
  parts: AuditedParts,
  {
    purge,
    held,
    authentication,
    folding,
  }: { purge: FilePurge; held: HeldFiles; authentication: Authentication; folding: Folding },
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
  const { places, scopes, moving } = folding;
  const files = new FileService({ ...parts, files: collections.files, purge, held, places });
  const links = new LinkService(new Signer(secrets, 'content links'), baseUrl);
  const versionReader = new VersionReader(collections, parts.access);
  const permissions = new ManyPermissions(parts.access);
  const bulk = new BulkFiles({ ...parts, files: collections.files, permissions });
  return {
    files,
    bulk,
    fileMoves: new FileMoves({ ...parts, ...moving, files: collections.files, bulk }),
    listing: new FileListing(
      collections.files,
      new FileCursors(new Signer(secrets, 'cursors')),
      scopes,
      new FileSearch(collections.files, config.CONTENT_SEARCH),
    ),
    links,
    versionReader,
    downloads: new DownloadService({
      collections,
      files,
      authentication,
      links,
      reader,
      stores,
      watch: parts.watch,
      accessWatch: parts.accessWatch,
      versions: versionReader,
      notes: new DownloadNotes(parts.audit),
      redirects: config.DOWNLOAD_MODE === 'redirect',
    }),
  };
}
