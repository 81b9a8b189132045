const OFFICE = new Set([
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  'application/vnd.oasis.opendocument.text',
  'application/vnd.oasis.opendocument.spreadsheet',
  'application/vnd.oasis.opendocument.presentation',
]);
const MARKED = new Set(['text/html', 'text/xml', 'application/xml', 'application/xhtml+xml']);
const PLAIN = new Set(['application/json', 'application/x-ndjson', 'application/yaml']);

/** By which rules the words of contents of this type are read; null where none are. */
export function textKind(mimeType: string): 'plain' | 'marked' | 'office' | 'pdf' | null {
  if (mimeType === 'application/pdf') return 'pdf';
  if (OFFICE.has(mimeType)) return 'office';
  if (MARKED.has(mimeType)) return 'marked';
  return mimeType.startsWith('text/') || PLAIN.has(mimeType) ? 'plain' : null;
}

/** What the types of such contents begin with. */
export const TEXT_TYPES =
  /^(?:text\/|application\/(?:pdf|json|x-ndjson|yaml|xml|xhtml\+xml|vnd\.openxmlformats-officedocument\.|vnd\.oasis\.opendocument\.))/;
