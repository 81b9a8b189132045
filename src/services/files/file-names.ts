import { visibleText } from '../visible-text.ts';

/** The most characters (Unicode code points) a name keeps. */
export const MAX_NAME_LENGTH = 255;

/**
 * A client's file name as it may be shown: NFC, the last path part, no control or bidi characters, at most 255
 * characters with the extension kept; `unnamed` when nothing is left. It is never used as a path.
 */
export function cleanFileName(raw: string): string {
  const last =
    visibleText(raw)
      .split(/[/\\]/)
      .findLast((part) => part.trim() !== '') ?? '';
  const name = last.trim();
  return name === '' || name === '.' || name === '..' ? 'unnamed' : shortened(name);
}

/** Whether a new name that a user typed is already clean. */
export function isCleanFileName(name: string): boolean {
  return cleanFileName(name) === name.normalize('NFC');
}

/** Lower-case letters and digits after the last dot, at most 10; empty where there is no such extension. */
export function extensionOf(name: string): string {
  return /[^.]\.([0-9a-z]{1,10})$/i.exec(name)?.[1]?.toLowerCase() ?? '';
}

/** The name as lists order it: compatible forms and cases fold together. */
export function sortNameOf(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}

function shortened(name: string): string {
  const characters = [...name];
  if (characters.length <= MAX_NAME_LENGTH) return name;
  const extension = extensionOf(name);
  const tail = extension === '' ? '' : `.${name.slice(-extension.length)}`;
  // Cut behind a space, it would not be clean any more.
  return (characters.slice(0, MAX_NAME_LENGTH - tail.length).join('') + tail).trimEnd();
}
