import { createHash } from 'node:crypto';
import { parse, print, stripIgnoredCharacters } from 'graphql';
import { AppError } from '../../errors.ts';

/** A document that may run, with the names that a manifest gives it. */
export interface TrustedDocument {
  readonly text: string;
  readonly ids: readonly string[];
}

/** What of a request says which document it means. */
export interface DocumentRequest {
  readonly query?: unknown;
  /** The document’s id, as some clients send it beside the variables. */
  readonly documentId?: unknown;
  /** `{ persistedQuery: { sha256Hash } }` holds the id as Apollo’s clients send it. */
  readonly extensions?: unknown;
}

/**
 * The documents that may run where nothing else does; whatever is not one of them is refused without being parsed. A
 * client may send a document as it was written, as `print` writes it or without spaces, and by the SHA-256 of these.
 */
export class TrustedDocuments {
  // What they lead to is the text that runs: one for each document, whichever form of it was sent.
  private readonly byText = new Map<string, string>();
  private readonly byId = new Map<string, string>();

  /** Throws where one id names two documents. */
  constructor(documents: readonly TrustedDocument[]) {
    for (const { text, ids } of documents) {
      const printed = print(parse(text));
      for (const form of [text, text.trim(), printed, stripIgnoredCharacters(text)]) {
        this.byText.set(form, printed);
        this.byId.set(sha256(form), printed);
      }
      for (const id of ids) this.name(id, printed);
    }
  }

  /** How many documents there are. */
  get size(): number {
    return new Set(this.byText.values()).size;
  }

  /** The text of the document that a request means, by its text, its id or both; else BAD_USER_INPUT. */
  textOf(request: DocumentRequest): string {
    const ids = idsOf(request);
    // An empty text stands for none: the WebSocket protocol always wants one.
    const hasText = request.query !== undefined && request.query !== null && request.query !== '';
    const meant = [
      ...(hasText ? [this.byText.get(request.query as string)] : []),
      ...ids.map((id) => this.byId.get(id as string)),
    ];
    const [text] = meant;
    if (text === undefined || meant.some((other) => other !== text)) throw untrusted();
    return text;
  }

  private name(id: string, text: string): void {
    const known = this.byId.get(id);
    if (known !== undefined && known !== text) throw new Error(`the id ${id} names two documents`);
    this.byId.set(id, text);
  }
}

function idsOf({ documentId, extensions }: DocumentRequest): unknown[] {
  const { persistedQuery } = (extensions ?? {}) as { persistedQuery?: { sha256Hash?: unknown } | null };
  return [documentId, persistedQuery?.sha256Hash].filter((id) => id !== undefined && id !== null);
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const untrusted = () =>
  new AppError('BAD_USER_INPUT', 'Only trusted documents run here: send the text of one, or its id.');
