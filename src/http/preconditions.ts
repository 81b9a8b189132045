/** The request headers that RFC 9110 section 13.1 lets a GET or HEAD be conditional on, as Node names them. */
export interface ConditionalHeaders {
  'if-match'?: string | undefined;
  'if-none-match'?: string | undefined;
  'if-modified-since'?: string | undefined;
  'if-unmodified-since'?: string | undefined;
}

/** What identifies the current representation; the ETag as it is sent, with its quotes. */
export interface Validators {
  etag: string;
  lastModified: Date;
}

/** What a conditional GET or HEAD comes to: the answer itself, a 304 or a 412. */
export type Precondition = 'proceed' | 'not-modified' | 'precondition-failed';

/**
 * Judges the conditions of a GET or HEAD on a file that exists, in the order of RFC 9110 section 13.2.2; access to
 * the file is checked before, and a date that is not an HTTP-date is as if absent.
 */
export function evaluate(headers: ConditionalHeaders, current: Validators): Precondition {
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined) {
    // 13.1.1: "An origin server MUST use the strong comparison function when comparing entity tags for If-Match".
    if (!namesTag(ifMatch, (tag) => isStrongMatch(tag, current.etag))) return 'precondition-failed';
  } else {
    // 13.1.4: "A recipient MUST ignore If-Unmodified-Since if the request contains an If-Match header field".
    const since = parseHttpDate(headers['if-unmodified-since']);
    if (since !== undefined && wholeSeconds(current.lastModified) > since) return 'precondition-failed';
  }

  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined) {
    // 13.1.2: "A recipient MUST use the weak comparison function when comparing entity tags for If-None-Match".
    return namesTag(ifNoneMatch, (tag) => opaque(tag) === opaque(current.etag)) ? 'not-modified' : 'proceed';
  }

  // 13.1.3: "A recipient MUST ignore If-Modified-Since if the request contains an If-None-Match header field".
  const since = parseHttpDate(headers['if-modified-since']);
  return since !== undefined && wholeSeconds(current.lastModified) <= since ? 'not-modified' : 'proceed';
}

/**
 * Whether the Range header beside this If-Range may be obeyed (RFC 9110 section 13.1.5); true without one. Its date
 * form counts as strong, which holds while a file's bytes never change under the same Last-Modified.
 */
export function rangeApplies(ifRange: string | undefined, current: Validators): boolean {
  if (ifRange === undefined) return true;
  const value = trimBlanks(ifRange);

  // "A valid entity-tag can be distinguished from a valid HTTP-date by examining the first three characters for a
  // DQUOTE."
  if (value.slice(0, 3).includes('"')) return isStrongMatch(value, current.etag);

  // "If the HTTP-date validator provided exactly matches the Last-Modified field value ... the condition is true."
  return parseHttpDate(value) === wholeSeconds(current.lastModified);
}

/**
 * The milliseconds since 1970 of an HTTP-date in any of the three formats of RFC 9110 section 5.6.7; undefined for
 * everything else, also for a day that the calendar or the week does not have.
 */
export function parseHttpDate(value: string | undefined, now: Date = new Date()): number | undefined {
  if (value === undefined) return undefined;
  const text = trimBlanks(value);
  const parts = (IMF_FIXDATE.exec(text) ?? RFC850_DATE.exec(text) ?? ASCTIME_DATE.exec(text))?.groups;
  if (parts === undefined) return undefined;

  const month = MONTHS.indexOf(parts.month ?? '');
  const [day, hour, minute, second] = [parts.day, parts.hour, parts.minute, parts.second].map(Number);
  const at = (year: number) => utc(year, month, day ?? 0, hour ?? 0, minute ?? 0, second ?? 0);
  const time =
    parts.shortYear === undefined ? at(Number(parts.year)) : inCentury(at, Number(parts.shortYear), now);
  if (time === undefined) return undefined;

  // RFC 5322, 3.3: "the day-of-week (if included) MUST be the day implied by the date"; a leap second is of the day
  // that it ends.
  return WEEKDAYS[new Date(time - (second === 60 ? 1 : 0)).getUTCDay()] === parts.weekday?.slice(0, 3)
    ? time
    : undefined;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const TIME = '(?<hour>[01]\\d|2[0-3]):(?<minute>[0-5]\\d):(?<second>[0-5]\\d|60)';
const SHORT_DAY = `(?<weekday>${WEEKDAYS.join('|')})`;
const LONG_DAY = '(?<weekday>(?:Sun|Mon|Tues|Wednes|Thurs|Fri|Satur)day)';
const MONTH = `(?<month>${MONTHS.join('|')})`;
const IMF_FIXDATE = new RegExp(`^${SHORT_DAY}, (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`);
const RFC850_DATE = new RegExp(`^${LONG_DAY}, (?<day>\\d\\d)-${MONTH}-(?<shortYear>\\d\\d) ${TIME} GMT$`);
const ASCTIME_DATE = new RegExp(`^${SHORT_DAY} ${MONTH} (?<day>\\d\\d| \\d) ${TIME} (?<year>\\d{4})$`);

// 5.6.7: "Recipients ... MUST interpret a timestamp that appears to be more than 50 years in the future as
// representing the most recent year in the past that had the same last two digits."
function inCentury(
  at: (year: number) => number | undefined,
  shortYear: number,
  now: Date,
): number | undefined {
  const thisYear = now.getUTCFullYear();
  const horizon = new Date(now).setUTCFullYear(thisYear + 50);
  let year = thisYear - (thisYear % 100) + 100 + shortYear;
  while (year > thisYear + 50 || (at(year) ?? 0) > horizon) year -= 100;
  return at(year);
}

function utc(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): number | undefined {
  // Date.UTC reads the years 0 to 99 as 1900 to 1999.
  const date = new Date(Date.UTC(2000, month, 1));
  date.setUTCFullYear(year, month, day);
  if (date.getUTCMonth() !== month) return undefined;
  return date.setUTCHours(hour, minute, second);
}

// An HTTP-date has no fraction of a second, so what it is compared with may not have one either.
function wholeSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000) * 1000;
}

// 8.8.3.2: "two entity tags are equivalent if both are not weak and their opaque-tags match character-by-character".
function isStrongMatch(a: string, b: string): boolean {
  return a === b && !a.startsWith('W/');
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag;
}

// The field is "*" or a list of entity tags, in which a comma may also stand inside a tag. Reading stops where the
// grammar does: what came before counts, as nothing else could tell where the next tag begins.
function namesTag(field: string, matches: (tag: string) => boolean): boolean {
  if (trimBlanks(field) === '*') return true;
  const separator = /[ \t]*(?:,[ \t,]*|$)/y;
  const entityTag = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/y;
  let position = /^[ \t,]*/.exec(field)?.[0].length ?? 0;
  while (position < field.length) {
    entityTag.lastIndex = position;
    const tag = entityTag.exec(field)?.[0];
    if (tag === undefined) return false;
    separator.lastIndex = entityTag.lastIndex;
    if (!separator.test(field)) return false;
    if (matches(tag)) return true;
    position = separator.lastIndex;
  }
  return false;
}

function trimBlanks(value: string): string {
  return value.replace(/^[ \t]+/, '').replace(/(?<![ \t])[ \t]+$/, '');
}
