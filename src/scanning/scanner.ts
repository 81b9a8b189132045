/** What a scanner said of a content, or that it could say nothing. */
export type Verdict = CleanVerdict | InfectedVerdict | NoVerdict;

/** Nothing was found. */
export interface CleanVerdict {
  readonly kind: 'clean';
  /** The scanner’s name and version; null where there was nothing to look at. */
  readonly engine: string | null;
}

/** Something was found. */
export interface InfectedVerdict {
  readonly kind: 'infected';
  /** The name of what was found. */
  readonly threat: string;
  readonly engine: string;
}

/** The scanner could not be asked, or did not look at the whole content. */
export interface NoVerdict {
  readonly kind: 'unable';
  /** `over-limit` stays so however often it is asked; `unavailable` may pass. */
  readonly cause: 'unavailable' | 'over-limit';
  readonly reason: string;
  /** The scanner’s name and version, where it was asked. */
  readonly engine: string | null;
}

/** One content on its way through a scanner. Nothing of it rejects: what goes wrong is a verdict. */
export interface ContentScan {
  /** What is known before the end: that there will be no verdict on the content. */
  readonly failed: NoVerdict | null;
  /** Hands the next bytes over, which must not change any more; what it answers is to be awaited before the next. */
  write(chunk: Buffer): Promise<void> | undefined;
  /** All bytes were written; resolves with the verdict. */
  end(): Promise<Verdict>;
  /** Ends it without a verdict; to be called in any case, may be called again. */
  destroy(): void;
}

/** A virus scanner. */
export interface Scanner {
  /** Begins to scan a content; nobody’s contents keep it from looking at those of others. */
  scan(owner: string): ContentScan;
  /** The scanner’s name, version and, after a slash, that of its signatures; at most some seconds old. */
  engine(): Promise<string>;
  /** Resolves when the scanner answers. */
  check(): Promise<void>;
}
