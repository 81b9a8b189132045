import { escaped } from '../../html.ts';

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;
const STEP = 1_000;

/** So many bytes for people, such as `2.4 MB`. */
export function sizeText(bytes: number): string {
  const power = bytes > 0 ? Math.min(Math.floor(Math.log10(bytes) / 3), UNITS.length - 1) : 0;
  const value = bytes / STEP ** power;
  const digits = power > 0 && value < 100 ? 1 : 0;
  return `${Number(value.toFixed(digits))} ${bytes === 1 ? 'byte' : UNITS[power]}`;
}

const TIME = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });

/** A moment for people, such as `24 November 2026 at 03:33 UTC`. */
export const timeText = (date: Date): string => `${TIME.format(date)} UTC`;

/** What kind of file it is, such as `PDF document`. */
export function typeText({ mimeType, fileExtension }: { mimeType: string; fileExtension: string }): string {
  const noun = NOUNS[iconOf(mimeType)];
  if (!/^[a-z0-9]{1,5}$/.test(fileExtension)) return noun.charAt(0).toUpperCase() + noun.slice(1);
  return `${fileExtension.toUpperCase()} ${noun}`;
}

/** A picture for a type of file that has no preview, as SVG. */
export function iconFor(mimeType: string | 'folder'): string {
  return svg(mimeType === 'folder' ? FOLDER : `${SHEET}${MARKS[iconOf(mimeType)]}`);
}

type Icon = 'image' | 'video' | 'audio' | 'text' | 'archive' | 'file';

const ARCHIVES = /\b(?:zip|gzip|x-tar|x-7z-compressed|x-rar|vnd\.rar|x-bzip2?|zstd|x-xz)\b/;
const DOCUMENTS = /pdf|word|opendocument|officedocument|excel|powerpoint|rtf|epub|json|xml/;

function iconOf(mimeType: string): Icon {
  const family = mimeType.split('/', 1)[0];
  if (family === 'image' || family === 'video' || family === 'audio' || family === 'text') return family;
  if (ARCHIVES.test(mimeType)) return 'archive';
  return DOCUMENTS.test(mimeType) ? 'text' : 'file';
}

const NOUNS: Record<Icon, string> = {
  image: 'image',
  video: 'video',
  audio: 'audio',
  text: 'document',
  archive: 'archive',
  file: 'file',
};

const SHEET = '<path d="M6 2.75h8.5L19.25 7.5v13.75H6z"/><path d="M14.25 3v4.75H19"/>';
const FOLDER = '<path d="M2.75 5.25h6.5l2 2.5h10v11.5H2.75z"/>';
const MARKS: Record<Icon, string> = {
  image: '<path d="m8 18 3-4 2 2.5 1.5-2L17 18z"/><circle cx="10" cy="11" r="1"/>',
  video: '<path d="M10.5 11.5v5l4.5-2.5z"/>',
  audio:
    '<path d="M11 16.5v-5l4-1v5"/><circle cx="9.9" cy="16.5" r="1.1"/><circle cx="13.9" cy="15.5" r="1.1"/>',
  text: '<path d="M9 12h7M9 15h7M9 18h4"/>',
  archive: '<path d="M10 3v2m2 0v2m-2 0v2m2 0v2m-2 0v2"/><path d="M9.5 14h3v3h-3z"/>',
  file: '',
};

const svg = (paths: string) =>
  `<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.25" stroke-linejoin="round" stroke-linecap="round" aria-hidden="true">${paths}</svg>`;

/** Plain text as HTML whose lines stay lines. */
export const linesOf = (text: string): string => escaped(text).replaceAll('\n', '<br>');
