import { checkDocument, DEFAULT_LIMITS, parseBounded } from './document-limits.ts';
import type { DocumentRequest, TrustedDocuments } from './trusted-documents.ts';

const REMEMBERED = 1_000;
const REMEMBERED_LENGTH = 10_000;

/**
 * Decides which documents may run, whatever way they came, before anything else looks at them: where there are trusted
 * documents these alone, else all that are not oversized. One that was let in is not measured again.
 */
export class DocumentGate {
  private readonly trusted: TrustedDocuments | null;
  private readonly passed = new Set<string>();

  constructor(trusted: TrustedDocuments | null) {
    this.trusted = trusted;
  }

  /**
   * The request with the text of the document to run in it; rejects with BAD_USER_INPUT. What is not a text, or not
   * GraphQL, is left for the server to report.
   */
  admit<R extends DocumentRequest>(request: R): R {
    if (!this.trusted) {
      this.check(request.query);
      return request;
    }
    const query = this.trusted.textOf(request);
    // The server must not take the id for one of its own.
    const { persistedQuery: _, ...extensions } = (request.extensions ?? {}) as Record<string, unknown>;
    return { ...request, query, extensions };
  }

  private check(source: unknown): void {
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
