import fc from 'fast-check';

/**
 * Texts that are not `text`, but nearly: cut, longer, with a character changed, moved or doubled, or in another case.
 * @param {string} text
 */
export function nearly(text) {
  const place = fc.nat(Math.max(text.length - 1, 0));
  const bit = fc.string({ minLength: 1, maxLength: 4, unit: 'binary' });
  return fc
    .oneof(
      fc.tuple(place, bit).map(([at, with_]) => text.slice(0, at) + with_ + text.slice(at + 1)),
      fc.tuple(place, bit).map(([at, with_]) => text.slice(0, at) + with_ + text.slice(at)),
      fc.tuple(place, place).map(([from, to]) => text.slice(0, from) + text.slice(to)),
      place.map((at) => text.slice(0, at)),
      bit.map((with_) => text + with_),
      fc.constantFrom(
        text.toUpperCase(),
        text.toLowerCase(),
        `${text}${text}`,
        ` ${text}`,
        `${text}=`,
        `${text}\n`,
      ),
      fc.string({ unit: 'binary', maxLength: 200 }),
    )
    .filter((changed) => changed !== text);
}

/** Whether the call throws an error with one of these codes, and nothing else. */
export function refusedWith(codes, call) {
  try {
    call();
  } catch (error) {
    if (codes.includes(error?.code)) return true;
    throw error;
  }
  return false;
}
