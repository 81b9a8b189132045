import { AppError } from '../../errors.ts';
import type { Blob } from '../../models/blob.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { Scanner, Verdict } from '../../scanning/scanner.ts';
import type { BlobReferences, StoredContent } from '../copies/blob-references.ts';
import type { completion } from '../files/file-drafts.ts';
import type { BlobVerdicts, ScanTold } from './blob-verdicts.ts';
import { UNJUDGED, UNSCANNED } from './judgement.ts';
import type { QuarantinedContents } from './quarantined-contents.ts';
import { type ScanPolicy, UploadScan } from './upload-scan.ts';

/** Told of each verdict on an upload or a stored content. */
export interface ScanObserver {
  judged(verdict: Verdict): void;
}

/** The blob an upload came to refer to, and what its file tells of the scan; null where it is infected. */
export interface ScannedReference {
  readonly blob: Blob;
  readonly told: Partial<ScanTold> | null;
}

/** What scanning adds to an upload: the content is looked at on its way, and what follows decides what becomes of it. */
export class UploadScanning {
  private readonly scanner: Scanner | null;
  private readonly policy: ScanPolicy;
  private readonly references: BlobReferences;
  private readonly verdicts: BlobVerdicts;
  private readonly quarantined: QuarantinedContents;
  private readonly observer: ScanObserver;

  constructor(parts: {
    scanner: Scanner | null;
    policy: ScanPolicy;
    references: BlobReferences;
    verdicts: BlobVerdicts;
    quarantined: QuarantinedContents;
    observer: ScanObserver;
  }) {
    this.scanner = parts.scanner;
    this.policy = parts.policy;
    this.references = parts.references;
    this.verdicts = parts.verdicts;
    this.quarantined = parts.quarantined;
    this.observer = parts.observer;
  }

  /** Begins to scan an upload of this account; null where there is no scanner. */
  begin(owner: ObjectId): UploadScan | null {
    return this.scanner && new UploadScan(this.scanner, this.policy, owner);
  }

  /** Refers the file to the blob of what was stored, as a claim: to one that is served only if it may be. */
  async refer(content: StoredContent, file: ObjectId, verdict: Verdict | null): Promise<ScannedReference> {
    if (verdict) this.observer.judged(verdict);
    const judgement = verdict ? await this.verdicts.judge(content, verdict) : UNJUDGED;
    if (judgement.kind === 'infected') {
      const held = await this.quarantined.acquire(content, file, judgement);
      return { blob: await this.references.unite(held, content), told: null };
    }
    const blob = await this.references.acquire(content, file);
    return { blob, told: await this.verdicts.admit(blob, judgement) };
  }

  /** Makes the upload’s document a file in quarantine, and tells; the INFECTED to refuse it with, null when it was taken for dead. */
  async putAway(
    file: ObjectId,
    change: ReturnType<typeof completion>,
    blob: Pick<Blob, '_id'>,
  ): Promise<AppError | null> {
    const known = await this.verdicts.find(blob._id);
    const { virus = UNSCANNED, threat = 'unknown' } = known ?? {};
    if (!(await this.quarantined.putAway(file, change, { virus, threat }))) return null;
    await this.verdicts.tell(blob._id);
    return new AppError('INFECTED', `The content is infected: ${threat}.`);
  }
}
