import { Signer } from '../../auth/signatures.ts';
import type { BlobReferences } from '../../services/copies/blob-references.ts';
import type { FilePlaces } from '../../services/folders/file-places.ts';
import type { Ledger } from '../../services/ledger.ts';
import type { UploadStates } from '../../services/live/upload-states.ts';
import type { WantedProcessing } from '../../services/processing/wanted-processing.ts';
import type { UploadScanning } from '../../services/scanning/upload-scanning.ts';
import type { Authentication } from '../../services/sessions/authentication.ts';
import { DirectUploads } from '../../services/uploads/direct-uploads.ts';
import { PartLinks } from '../../services/uploads/part-links.ts';
import { PartUploads } from '../../services/uploads/part-uploads.ts';
import { Tickets } from '../../services/uploads/tickets.ts';
import { UploadRecords } from '../../services/uploads/upload-records.ts';
import { UploadRun } from '../../services/uploads/upload-run.ts';
import type { UploadUndo } from '../../services/uploads/upload-undo.ts';
import { UploadService } from '../../services/uploads/uploads.ts';
import { collectYoungEvery, YOUNG_BYTES } from '../young-garbage.ts';
import type { AuditedParts } from './parts.ts';

/** Wires the ways in for contents. */
export function createUploads(
  parts: AuditedParts,
  {
    usage,
    references,
    undo,
    authentication,
    scanning,
    processing,
    states,
    places,
  }: {
    usage: Ledger;
    references: BlobReferences;
    undo: UploadUndo;
    authentication: Authentication;
    scanning: UploadScanning;
    processing: WantedProcessing;
    states: UploadStates;
    places: FilePlaces;
  },
) {
  const { config, collections, stores, secrets, metrics, baseUrl, keys, watch, events } = parts;
  const rules = {
    maxFileSize: config.MAX_FILE_SIZE,
    types: {
      allowed: lowerCase(config.ALLOWED_MIME_TYPES),
      blocked: lowerCase(config.BLOCKED_MIME_TYPES),
    },
  };
  const records = new UploadRecords(collections.files);
  const run = new UploadRun({
    records,
    stores,
    references,
    usage,
    keys,
    scanning,
    processing,
    rules,
    observer: {
      began: () => metrics.uploadBegan(),
      received: collectYoungEvery(YOUNG_BYTES),
      ended: (outcome, bytes) => metrics.uploadEnded(outcome, bytes),
    },
  });
  const links = new PartLinks(new Signer(secrets, 'part links'), baseUrl);
  const tickets = new Tickets({
    collections,
    stores,
    links,
    undo,
    keys,
    rules: {
      ...rules,
      partSize: config.DIRECT_PART_SIZE,
      lifetimeSeconds: config.DIRECT_UPLOAD_MINUTES * 60,
    },
  });
  const needsVerifiedEmail = config.REQUIRE_VERIFIED_EMAIL;
  return {
    uploads: new UploadService({
      collections,
      records,
      stores,
      usage,
      undo,
      run,
      watch,
      states,
      events,
      places,
      needsVerifiedEmail,
    }),
    directUploads: new DirectUploads({
      collections,
      stores,
      usage,
      undo,
      run,
      watch,
      tickets,
      keys,
      access: parts.access,
      places,
      needsVerifiedEmail,
      states,
      events,
    }),
    run,
    records,
    parts: new PartUploads({ collections, stores, links, run, watch, keys, authentication }),
  };
}

const lowerCase = (types: readonly string[]) => types.map((type) => type.toLowerCase());
