import fc from 'fast-check';
import { parseRange } from '../../dist/http/range.js';

const digits = fc.oneof(
  fc.constantFrom('', '0', '00', '1', '99', '9007199254740993', '18446744073709551616'),
  fc.nat().map(String),
  fc.bigInt({ min: 0n }).map(String),
);
const blank = fc.constantFrom('', '', '', ' ', '\t ', '\u00a0');
const piece = fc.oneof(digits, fc.constantFrom('-', ',', '=', 'bytes', 'BYTES=', '+', 'e', '0x', '.'), blank);
const header = fc.oneof(
  fc
    .tuple(blank, fc.constantFrom('bytes=', 'Bytes=', 'items='), blank, digits, digits, blank)
    .map(([a, unit, b, first, last, c]) => `${a}${unit}${b}${first}-${last}${c}`),
  fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary' }),
);
const size = fc.oneof(fc.constantFrom(0, 1, 2, Number.MAX_SAFE_INTEGER), fc.maxSafeNat());

/** RFC 9110 section 14.1.2 once more, with whole numbers of any size and without an expression. */
function model(text, length) {
  const trimmed = text.replaceAll('\t', ' ');
  const [unit, ...rest] = trimmed.trim() === '' ? [''] : stripped(trimmed).split('=');
  if (unit.toLowerCase() !== 'bytes' || rest.length !== 1) return { kind: 'full' };
  const [first, last, ...more] = stripped(rest[0]).split('-');
  const areDigits = [first, last].every((part) => [...(part ?? 'x')].every((c) => c >= '0' && c <= '9'));
  if (more.length > 0 || !areDigits || (first === '' && last === '')) return { kind: 'full' };
  const total = BigInt(length);
  if (first === '') {
    if (BigInt(last) === 0n) return { kind: 'unsatisfiable' };
    if (total === 0n) return { kind: 'full' };
    const start = total - BigInt(last);
    return { kind: 'partial', start: start < 0n ? 0 : Number(start), end: length - 1 };
  }
  if (last !== '' && BigInt(last) < BigInt(first)) return { kind: 'full' };
  if (BigInt(first) >= total) return { kind: 'unsatisfiable' };
  const end = last === '' || BigInt(last) >= total ? length - 1 : Number(last);
  return { kind: 'partial', start: Number(first), end };
}

/** Without blanks around it; a no-break space is none. */
function stripped(text) {
  let [start, end] = [0, text.length];
  while (text[start] === ' ') start += 1;
  while (end > start && text[end - 1] === ' ') end -= 1;
  return text.slice(start, end);
}

/** Range headers. */
export const range = () => ({
  'is read as RFC 9110 says': fc.property(header, size, (text, length) => {
    const [read, meant] = [parseRange(text, length), model(text, length)];
    return read.kind === meant.kind && read.start === meant.start && read.end === meant.end;
  }),
});
