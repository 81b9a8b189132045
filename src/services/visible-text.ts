// C0 and C1 controls, line and paragraph separators, and the bidi controls that can make a text read as another.
const INVISIBLE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029\ufeff]/gu;

/** What of a text can be seen, as NFC. */
export function visibleText(raw: string): string {
  // In this order: what a hidden character kept apart composes once that is gone.
  return raw.toWellFormed().replace(INVISIBLE, '').normalize('NFC');
}
