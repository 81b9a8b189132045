import { validateHeaderValue } from 'node:http';
import { parse } from 'content-disposition';
import fc from 'fast-check';
import { contentHeaders } from '../../dist/http/content-headers.js';
import {
  cleanFileName,
  extensionOf,
  isCleanFileName,
  MAX_NAME_LENGTH,
} from '../../dist/services/files/file-names.js';

const strange = fc.constantFrom(
  ...[
    '\u0000',
    '\n',
    '\u202e',
    '\u200e',
    '\u061c',
    '\u2066',
    '\u0301',
    '\u1100',
    '\u1161',
    '\ud800',
    '\udc00',
    '\ufeff',
  ],
  ...[
    '/',
    '\\',
    '.',
    '..',
    ' ',
    '"',
    "'",
    '%',
    '%2f',
    ';',
    '*',
    '=',
    '👩‍👩‍👧‍👦',
    'e',
    'ä',
    '\u0344',
    '.tar.gz',
    '\u2126',
  ],
);
const name = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc
    .array(fc.oneof(strange, fc.string({ maxLength: 6 })), { maxLength: 120 })
    .map((pieces) => pieces.join('')),
  fc
    .tuple(fc.string({ unit: 'grapheme', maxLength: 12 }), fc.nat(300))
    .map(([text, n]) => text.repeat(n).slice(0, 2_000)),
);
const NEVER = /[\p{Cc}\p{Bidi_Control}\u2028\u2029/\\]/u;

/** Names of files, and the header that downloads say them in. */
export const names = () => ({
  'is clean, and stays as it is': fc.property(name, (raw) => {
    const clean = cleanFileName(raw);
    return (
      clean.normalize('NFC') === clean &&
      clean.isWellFormed() &&
      clean.trim() === clean &&
      !['', '.', '..'].includes(clean) &&
      [...clean].length <= MAX_NAME_LENGTH &&
      !NEVER.test(clean) &&
      cleanFileName(clean) === clean &&
      isCleanFileName(clean) &&
      /^[0-9a-z]{0,10}$/.test(extensionOf(clean))
    );
  }),
  'comes back out of its header': fc.property(name, fc.string(), (raw, mimeType) => {
    const originalName = cleanFileName(raw);
    const headers = contentHeaders({ originalName, mimeType, isPublic: false }, 'inline');
    for (const [key, value] of Object.entries(headers)) validateHeaderValue(key, value);
    const { parameters, type } = parse(headers['Content-Disposition']);
    const told = parameters.filename;
    if (!['inline', 'attachment'].includes(type) || NEVER.test(told)) return false;
    return originalName.length > 255 || /^\.*$/.test(originalName) || told === originalName;
  }),
  'breaks no header, even when it was never cleaned': fc.property(name, name, (originalName, mimeType) => {
    const headers = contentHeaders({ originalName, mimeType, isPublic: true }, 'inline');
    for (const [key, value] of Object.entries(headers)) validateHeaderValue(key, value);
    return !NEVER.test(parse(headers['Content-Disposition']).parameters.filename);
  }),
});
