import { Signer } from '../../../src/auth/signatures.ts';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import type { Stores } from '../../../src/blobs/stores.ts';
import { AuditAction } from '../../../src/models/audit-event.ts';
import { Role } from '../../../src/models/user.ts';
import { ClamdScanner } from '../../../src/scanning/clamd.ts';
import type { Scanner } from '../../../src/scanning/scanner.ts';
import { BlobReader } from '../../../src/services/copies/blob-reader.ts';
import { Throttle } from '../../../src/services/copies/throttle.ts';
import { FileService } from '../../../src/services/files/files.ts';
import { FolderTree } from '../../../src/services/folders/folder-tree.ts';
import { FileEvents } from '../../../src/services/live/file-events.ts';
import { BlobVerdicts } from '../../../src/services/scanning/blob-verdicts.ts';
import { Quarantine } from '../../../src/services/scanning/quarantine.ts';
import { QuarantineNotices } from '../../../src/services/scanning/quarantine-notices.ts';
import { QuarantinedContents } from '../../../src/services/scanning/quarantined-contents.ts';
import { ScanDuty } from '../../../src/services/scanning/scan-duty.ts';
import type { ScanPolicy } from '../../../src/services/scanning/upload-scan.ts';
import { UploadScanning } from '../../../src/services/scanning/upload-scanning.ts';
import { HeldPermissions } from '../../../src/services/sharing/permissions/held-permissions.ts';
import { SignedCursors } from '../../../src/services/signed-cursors.ts';
import { DirectUploads } from '../../../src/services/uploads/direct-uploads.ts';
import { UploadRun } from '../../../src/services/uploads/upload-run.ts';
import { UploadService } from '../../../src/services/uploads/uploads.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import type { TestDatabase } from '../database.ts';
import { uploadNode } from './upload-node.ts';

const SILENT = { began: () => undefined, received: () => undefined, ended: () => undefined };

/** A scanner by the clamd of the whole run, or by the one at this address. */
export function runningScanner(address = process.env.TEST_CLAMD ?? ''): ClamdScanner {
  const [host = '', port] = address.split(':');
  return new ClamdScanner({ host, port: Number(port) }, { versionMs: 0 });
}

/** One node’s services about uploads, with those that look for viruses; what is told and recorded is collected. */
export function scanNode(
  database: TestDatabase,
  where: BlobStore | Stores,
  { scanner = runningScanner() as Scanner | null, policy = 'fail-closed' as ScanPolicy } = {},
) {
  const node = uploadNode(database, where);
  const { collections } = database;
  const { stores, references, keys, purge } = node;
  const acts: AuditAction[] = [];
  const told: string[] = [];
  const judged: string[] = [];
  const audit = { record: async ({ action }: { action: AuditAction }) => void acts.push(action) };
  const notices = new QuarantineNotices(
    collections.files,
    audit,
    async ({ threat }) => void told.push(threat),
  );
  const verdicts = new BlobVerdicts(collections, notices);
  const observer = {
    judged: ({ kind }: { kind: string }) => void judged.push(kind),
    failed: () => void judged.push('failed'),
  };
  const scanning = new UploadScanning({
    scanner,
    policy,
    references,
    verdicts,
    quarantined: new QuarantinedContents(collections, stores, verdicts, keys),
    observer,
  });
  const run = new UploadRun({ ...node, rules: node.run.rules, observer: SILENT, scanning });
  const duty = new ScanDuty({
    blobs: collections.blobs,
    verdicts,
    scanner,
    reader: new BlobReader(collections.blobs, stores, { fellBack: () => undefined }, keys),
    throttle: new Throttle(1e9),
    observer,
  });
  const quarantine = new Quarantine(collections, {
    ...{ verdicts, audit, purge, hasBackup: false },
    cursors: new SignedCursors(new Signer(['a secret of the tests'], 'quarantine')),
  });
  return {
    ...node,
    ...{ run, verdicts, duty, quarantine, acts, told, judged },
    files: new FileService({
      files: collections.files,
      purge,
      audit,
      held: quarantine,
      access: new HeldPermissions(collections, new FolderTree(collections.folders)),
      events: new FileEvents(),
    }),
    uploads: new UploadService({ ...node, run }),
    directUploads: new DirectUploads({ ...node, run }),
    work: () => duty.run(new AbortController().signal),
  };
}

/** As `scanNode` makes it. */
export type ScanNode = ReturnType<typeof scanNode>;

/** The same viewer as an administrator. */
export const asAdmin = (viewer: Viewer): Viewer => ({ ...viewer, role: Role.ADMIN });
