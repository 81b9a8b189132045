import type { BlobReferences } from '../../services/copies/blob-references.ts';
import type { FileService } from '../../services/files/files.ts';
import type { Ledger } from '../../services/ledger.ts';
import type { UploadStates } from '../../services/live/upload-states.ts';
import type { WantedProcessing } from '../../services/processing/wanted-processing.ts';
import type { UploadRecords } from '../../services/uploads/upload-records.ts';
import type { UploadRun } from '../../services/uploads/upload-run.ts';
import type { UploadUndo } from '../../services/uploads/upload-undo.ts';
import type { UploadService } from '../../services/uploads/uploads.ts';
import { FileCopies } from '../../services/versions/file-copies.ts';
import { VersionPurge } from '../../services/versions/version-purge.ts';
import type { VersionReader } from '../../services/versions/version-reader.ts';
import { VersionUploads } from '../../services/versions/version-uploads.ts';
import { VersionService } from '../../services/versions/versions.ts';
import type { Folding } from './folders.ts';
import type { AuditedParts } from './parts.ts';

/** Wires earlier contents of files, and copies of files. */
export function createVersions(
  parts: AuditedParts,
  needs: {
    readonly usage: Ledger;
    readonly references: BlobReferences;
    readonly undo: UploadUndo;
    readonly service: FileService;
    readonly reader: VersionReader;
    readonly uploads: UploadService;
    readonly run: UploadRun;
    readonly records: UploadRecords;
    readonly states: UploadStates;
    readonly folding: Folding;
    readonly processing: Pick<WantedProcessing, 'add'>;
  },
) {
  const { config, log } = parts;
  const { files } = parts.collections;
  const purge = new VersionPurge(files, needs.usage, needs.references.ledger);
  return {
    versions: new VersionService({ ...parts, ...needs, purge }),
    versionUploads: new VersionUploads({
      ...parts,
      ...needs,
      files,
      purge,
      kept: config.VERSIONS_KEPT,
      onProblem: (err) => log.error({ err }, 'a version could not be tidied up now; the sweep will'),
    }),
    copies: new FileCopies({
      ...parts,
      ...needs,
      folders: needs.folding.moving.lookup,
      locks: needs.folding.moving.locks,
      places: needs.folding.places,
    }),
  };
}
