import { escaped } from '../../html.ts';
import { LINK_PASSWORD } from '../../services/sharing/links/link-settings.ts';
import type { OpenRequest } from '../../services/sharing/requests/request-access.ts';
import { sharePage } from './share-style.ts';
import { linesOf, sizeText, timeText } from './share-words.ts';

/** A file that came, or that was refused and why. */
export interface DropResult {
  readonly name: string;
  /** Bytes; null where it was refused. */
  readonly size: number | null;
  readonly problem: string | null;
}

/** The page that takes files, with what came of those that were just sent. */
export function dropPage(
  open: OpenRequest,
  form: { readonly proof: string | null; readonly maxFileSize: number },
  results: readonly DropResult[] | null = null,
): string {
  const { request, folder, maker } = open;
  const title = `Send files to “${folder.name}”`;
  const note = request.note ? `<div class="note">${linesOf(request.note)}</div>\n` : '';
  return sharePage(
    title,
    `<h1>${escaped(title)}</h1>
<p class="facts">${escaped(maker)} asks for files. What lies in the folder is not shown.</p>
${note}${results ? resultList(results) : ''}${formOf(open, form)}`,
  );
}

/** The page that asks for the password of a request, with what was wrong with the last try. */
export function requestPasswordPage(problem?: string, results: readonly DropResult[] | null = null): string {
  return sharePage(
    'A password is needed',
    `<h1>A password is needed</h1>
<p class="facts">Whoever asks for files here has set a password.</p>
${results ? resultList(results) : ''}<form method="post">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="off" required maxlength="${LINK_PASSWORD.max}" autofocus>
${problem ? `<p class="wrong" role="alert">${escaped(problem)}</p>` : ''}
<button>Go on</button>
</form>`,
  );
}

/** The page that says why no files can be sent, or no more. */
export function noDropPage(message: string, results: readonly DropResult[] | null = null): string {
  return sharePage(
    'Send files',
    `<h1>Send files</h1>\n${results ? resultList(results) : ''}<p class="facts">${escaped(message)}</p>`,
  );
}

function formOf(
  { request }: OpenRequest,
  { proof, maxFileSize }: { readonly proof: string | null; readonly maxFileSize: number },
): string {
  const { maxFiles, files, allowedTypes, expiresAt } = request;
  const left = maxFiles == null ? null : Math.max(0, maxFiles - files);
  if (left === 0) return '<p class="facts">This request has all the files that it takes.</p>';
  const facts = [
    left === null ? null : left === 1 ? 'one more file' : `${left} more files`,
    `at most ${sizeText(Math.min(request.maxFileSize ?? maxFileSize, maxFileSize))} each`,
    allowedTypes.length > 0
      ? `only ${EITHER.format(allowedTypes.map((type) => PLAIN_NAMES[type] ?? type))}`
      : null,
  ].filter((fact) => fact !== null);
  const accept = allowedTypes.length > 0 ? ` accept="${escaped(allowedTypes.join(','))}"` : '';
  const hidden = proof ? `<input type="hidden" name="proof" value="${escaped(proof)}">\n` : '';
  const end = expiresAt ? `<p class="end">Open until ${timeText(expiresAt)}</p>` : '';
  return `<form method="post" enctype="multipart/form-data">
${hidden}<label for="files">Files<small>${escaped(sentence(facts.join(', ')))}</small></label>
<input id="files" name="files" type="file"${left === 1 ? '' : ' multiple'} required${accept}>
<button>Send</button>
</form>
${end}`;
}

// What a person calls the widest kinds of files.
const PLAIN_NAMES: Readonly<Record<string, string>> = {
  'image/*': 'pictures',
  'video/*': 'videos',
  'audio/*': 'sound',
  'text/*': 'text',
};

const EITHER = new Intl.ListFormat('en-GB', { type: 'disjunction' });
const sentence = (words: string) => words.charAt(0).toUpperCase() + words.slice(1);

function resultList(results: readonly DropResult[]): string {
  if (results.length === 0) return '<p class="wrong" role="alert">No file was sent.</p>\n';
  const lines = results.map(({ name, size, problem }) => {
    const told =
      problem === null
        ? `<small>Arrived, ${sizeText(size ?? 0)}</small>`
        : `<small class="wrong">Not taken: ${escaped(problem)}</small>`;
    return `<li><span class="name">${escaped(name)}${told}</span></li>`;
  });
  return `<ul role="status">\n${lines.join('\n')}\n</ul>\n`;
}
