import { AppError } from '../../errors.ts';
import type { ObjectId } from '../../models/object-id.ts';
import type { ContentScan, NoVerdict, Scanner, Verdict } from '../../scanning/scanner.ts';

/** What becomes of an upload that cannot be scanned now: it is refused, or its file waits for a later scan. */
export type ScanPolicy = 'fail-closed' | 'scan-later';

const RETRY_SECONDS = 30;

/** The scan of one upload, on its way into the store, by the policy. */
export class UploadScan {
  private readonly scan: ContentScan;
  private readonly policy: ScanPolicy;

  constructor(scanner: Scanner, policy: ScanPolicy, owner: ObjectId) {
    this.scan = scanner.scan(owner.toHexString());
    this.policy = policy;
  }

  /**
   * Shows the scanner the next bytes; what it answers is to be awaited before the next. Rejects as soon as it is known
   * that the upload will be refused.
   */
  write(chunk: Buffer): Promise<void> | undefined {
    const taking = this.scan.write(chunk);
    if (taking) return taking.then(() => this.requireHope());
    return this.scan.failed ? this.refused() : undefined;
  }

  /** Resolves with the verdict; rejects with STORAGE_UNAVAILABLE or PAYLOAD_TOO_LARGE where the upload is refused for want of one. */
  async end(signal: AbortSignal): Promise<Verdict> {
    const giveUp = () => this.scan.destroy();
    signal.addEventListener('abort', giveUp);
    try {
      const verdict = await this.scan.end();
      signal.throwIfAborted();
      this.requireHope();
      return verdict;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** Ends it; to be called in any case. */
  destroy(): void {
    this.scan.destroy();
  }

  private async refused(): Promise<void> {
    this.requireHope();
  }

  private requireHope(): void {
    if (this.scan.failed && this.policy === 'fail-closed') throw refusal(this.scan.failed);
  }
}

function refusal({ cause, reason }: NoVerdict): AppError {
  const options = { cause: new Error(reason) };
  if (cause === 'over-limit') {
    return new AppError('PAYLOAD_TOO_LARGE', 'The content is more than the virus scanner looks at.', options);
  }
  const text = 'The virus scanner does not answer; try again later.';
  return new AppError('STORAGE_UNAVAILABLE', text, { ...options, retryAfter: RETRY_SECONDS });
}
