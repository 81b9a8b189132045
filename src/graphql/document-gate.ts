import { checkDocument, DEFAULT_LIMITS, parseBounded } from './document-limits.ts';

const REMEMBERED = 1_000;
const REMEMBERED_LENGTH = 10_000;

/** Refuses oversized documents before anything else looks at them; a document once let in is not measured again. */
export class DocumentGate {
  private readonly passed = new Set<string>();

  /** Rejects with BAD_USER_INPUT; what is not a text, or not GraphQL, is left for the server to report. */
  check(source: unknown): void {
    if (typeof source !== 'string' || this.passed.has(source)) return;
    const document = parseBounded(source, DEFAULT_LIMITS);
    if (!document) return;
    checkDocument(document, DEFAULT_LIMITS);
    if (source.length <= REMEMBERED_LENGTH) this.remember(source);
  }

  private remember(source: string): void {
    const [oldest] = this.passed;
    if (this.passed.size >= REMEMBERED && oldest !== undefined) this.passed.delete(oldest);
    this.passed.add(source);
  }
}
