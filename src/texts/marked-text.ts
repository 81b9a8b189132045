// Where one of these begins or ends, so does a word; other marks, such as those of bold letters, may lie within one.
const PARTING =
  /^\/?(?:w:(?:p|tab|br|cr|tc|tr)|a:(?:p|br|tc)|si|row|text:(?:p|h|s|tab|line-break|list-item)|table:table-cell|(?:p|div|br|h[1-6]|li|td|th|tr|table|ul|ol|dt|dd|title|section|article|header|footer|option|button|blockquote|pre|hr|img|script|style|body|head))\b/i;
const UNSHOWN = /^(?:script|style)\b/i;
const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
};
const REFERENCE = /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,6}));/gi;

/** The text of an HTML or XML document without its marks, in time linear to its length; nothing it refers to is read. */
export function unmarked(document: string): string {
  const parts: string[] = [];
  for (let at = 0; at < document.length; ) {
    const open = document.indexOf('<', at);
    if (open < 0) {
      parts.push(document.slice(at));
      break;
    }
    parts.push(document.slice(at, open));
    const isComment = document.startsWith('<!--', open);
    const close = document.indexOf(isComment ? '-->' : '>', open);
    if (close < 0) break;
    const mark = document.slice(open + 1, Math.min(close, open + 40));
    if (PARTING.test(mark)) parts.push(' ');
    at = close + (isComment ? 3 : 1);
    if (UNSHOWN.test(mark)) at = endOf(document, at, mark);
  }
  return parts.join('').replace(REFERENCE, character);
}

/** Where what is not shown ends. */
function endOf(document: string, from: number, mark: string): number {
  const name = mark.slice(0, mark.search(/script/i) === 0 ? 6 : 5).toLowerCase();
  for (let at = document.indexOf('</', from); at >= 0; at = document.indexOf('</', at + 2)) {
    if (document.slice(at + 2, at + 2 + name.length).toLowerCase() === name) return at;
  }
  return document.length;
}

function character(reference: string, decimal?: string, hex?: string, name?: string): string {
  if (name !== undefined) return NAMED[name.toLowerCase()] ?? reference;
  const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
  return code <= 0x10ffff ? String.fromCodePoint(code) : ' ';
}
