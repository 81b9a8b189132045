import { escaped } from '../../html.ts';
import type { StoredFile } from '../../models/file.ts';
import type { ShareKind } from '../../models/grant.ts';
import type { ShareLink } from '../../models/share-link.ts';
import type { LinkEntry } from '../../services/sharing/links/link-folders.ts';
import { LINK_PASSWORD } from '../../services/sharing/links/link-settings.ts';
import type { Visit } from '../../services/sharing/links/link-visits.ts';
import { sharePage } from './share-style.ts';
import { iconFor, linesOf, sizeText, timeText, typeText } from './share-words.ts';

/** What a page is made of beside what the visitor sees. */
export interface PageFacts {
  /** Where the link is: `/s/` and its token. */
  readonly address: string;
  /** Whether there is a preview of the file. */
  hasPreview(file: StoredFile): boolean;
  /** Whether the file’s content can be had. */
  mayDownload(file: StoredFile): boolean;
}

type FileVisit = Extract<Visit, { kind: ShareKind.FILE }>;
type FolderVisit = Extract<Visit, { kind: ShareKind.FOLDER }>;

const LARGE = 1280;
const SMALL = 128;

/** The page of a link to a file. */
export function filePage({ link, file }: FileVisit, facts: PageFacts): string {
  const { address } = facts;
  const picture = facts.hasPreview(file)
    ? `<img src="${address}/thumbnail/${LARGE}" alt="Preview">`
    : iconFor(file.mimeType);
  const button = facts.mayDownload(file)
    ? `<a class="act" href="${address}/content" rel="nofollow" download>Download</a>`
    : `<p class="facts">${file.isAwaitingScan ? 'This file is being checked for viruses. Come back later.' : 'This link allows no downloads.'}</p>`;
  return sharePage(
    file.originalName,
    `<div class="picture">${picture}</div>
<h1>${escaped(file.originalName)}</h1>
<p class="facts">${sizeText(file.fileSize)} · ${escaped(typeText(file))}</p>
${noteOf(link)}${button}
${endOf(link)}`,
  );
}

/** One page of a link to a folder, or of a folder below. */
export function folderPage({ link, folder, path, page }: FolderVisit, facts: PageFacts): string {
  const { address } = facts;
  const isTop = path.length === 1;
  const here = `${address}${isTop ? '' : `?folder=${folder.id}`}`;
  const last = page.nodes.at(-1);
  const more =
    page.hasNextPage && last
      ? `<a class="more" href="${here}${isTop ? '?' : '&amp;'}after=${escaped(encodeURIComponent(page.cursor(last)))}">More</a>`
      : '';
  const entries = page.nodes.map((entry) => entryOf(entry, facts)).join('\n');
  const all = link.allowDownload && page.nodes.length > 0;
  return sharePage(
    folder.name,
    `${crumbs(path, address)}<h1>${escaped(folder.name)}</h1>
${noteOf(link)}${page.nodes.length > 0 ? `<ul>\n${entries}\n</ul>${more}` : '<p class="facts">There is nothing here.</p>'}
${all ? `<a class="act" href="${address}/archive${isTop ? '' : `?folder=${folder.id}`}" rel="nofollow" download>Download all as ZIP</a>` : ''}
${endOf(link)}`,
  );
}

/** The page that asks for a link’s password, with what was wrong with the last try. */
export function passwordPage(address: string, problem?: string): string {
  const { max } = LINK_PASSWORD;
  return sharePage(
    'A password is needed',
    `<h1>A password is needed</h1>
<p class="facts">Whoever gave you this link has set a password for it.</p>
<form method="post" action="${address}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="off" required maxlength="${max}" autofocus>
${problem ? `<p class="wrong" role="alert">${escaped(problem)}</p>` : ''}
<button>Open</button>
</form>`,
  );
}

/** The page that says why a link shows nothing. */
export function refusalPage(title: string, message: string): string {
  return sharePage(title, `<h1>${escaped(title)}</h1>\n<p class="facts">${escaped(message)}</p>`);
}

function entryOf({ kind, thing }: LinkEntry, facts: PageFacts): string {
  const { address } = facts;
  if (kind === 'FOLDER') {
    return `<li><span class="icon">${iconFor('folder')}</span><a class="name" href="${address}?folder=${thing.id}">${escaped(thing.name)}</a></li>`;
  }
  const picture = facts.hasPreview(thing)
    ? `<img src="${address}/thumbnail/${SMALL}?file=${thing.id}" alt="" loading="lazy">`
    : iconFor(thing.mimeType);
  const name = `<span class="name">${escaped(thing.originalName)}<small>${sizeText(thing.fileSize)}</small></span>`;
  const get = facts.mayDownload(thing)
    ? `<a class="get" href="${address}/content?file=${thing.id}" rel="nofollow" download aria-label="Download ${escaped(thing.originalName)}">${ARROW}</a>`
    : '';
  return `<li><span class="icon">${picture}</span>${name}${get}</li>`;
}

const ARROW =
  '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M12 4v11m-4.5-4.5L12 15l4.5-4.5M5 19.5h14"/></svg>';

function crumbs(path: FolderVisit['path'], address: string): string {
  if (path.length < 2) return '';
  const links = path
    .slice(0, -1)
    .map(
      ({ id, name }, depth) =>
        `<a href="${address}${depth === 0 ? '' : `?folder=${id}`}">${escaped(name)}</a>`,
    );
  return `<nav>${links.join(' / ')} /</nav>`;
}

const noteOf = ({ note }: ShareLink) => (note ? `<div class="note">${linesOf(note)}</div>\n` : '');

const endOf = ({ expiresAt }: ShareLink) =>
  expiresAt ? `<p class="end">Available until ${timeText(expiresAt)}</p>` : '';
