import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Accounts } from './gcs-accounts.ts';
import { Refusal } from './gcs-answers.ts';

const ALGORITHM = 'GOOG4-RSA-SHA256';
const SEVEN_DAYS = 604_800;
const SKEW = 15 * 60_000;

const encoded = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

/** Verifies the V4 signature in a request’s query as Google describes it; throws Google’s refusals. */
export function requireSignature(accounts: Accounts, request: IncomingMessage): void {
  const [path = '', search = ''] = (request.url ?? '').split('?');
  const query = new URLSearchParams(search);
  const lower = new Map([...query].map(([name, value]) => [name.toLowerCase(), value]));
  const signature = lower.get('x-goog-signature');
  if (!signature) {
    throw new Refusal(403, 'AccessDenied', 'Anonymous caller does not have storage.objects.get access.');
  }
  if (lower.get('x-goog-algorithm') !== ALGORITHM) {
    throw new Refusal(400, 'InvalidArgument', 'Invalid signing algorithm.');
  }
  const { email, scope, date } = credentialOf(lower.get('x-goog-credential') ?? '');
  const time = requireTimely(lower.get('x-goog-date') ?? '', lower.get('x-goog-expires') ?? '', date);
  const signedHeaders = lower.get('x-goog-signedheaders') ?? '';
  const canonical = [
    request.method,
    path
      .split('/')
      .map((part) => encoded(decodeURIComponent(part)))
      .join('/'),
    canonicalQuery(query),
    canonicalHeaders(request, signedHeaders.split(';')),
    signedHeaders,
    request.headers['x-goog-content-sha256'] ?? 'UNSIGNED-PAYLOAD',
  ].join('\n');
  const hash = createHash('sha256').update(canonical).digest('hex');
  const toSign = [ALGORITHM, time, scope, hash].join('\n');
  if (
    !/^(?:[0-9a-f]{2})+$/i.test(signature) ||
    !accounts.signed(email, toSign, Buffer.from(signature, 'hex'))
  ) {
    throw new Refusal(
      403,
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided. Check your Google secret key and signing method.',
    );
  }
}

function credentialOf(credential: string) {
  const [, email = '', scope = '', date = ''] =
    /^(.+)\/((\d{8})\/[^/]+\/storage\/goog4_request)$/.exec(credential) ?? [];
  if (!email) throw new Refusal(400, 'InvalidArgument', 'Invalid credential.');
  return { email, scope, date };
}

/** The time of the signature; throws unless it is now, and lasts no longer than seven days. */
function requireTimely(time: string, expires: string, date: string): string {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time) ?? [];
  const from = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(from) || !time.startsWith(date)) {
    throw new Refusal(400, 'InvalidArgument', 'Invalid X-Goog-Date.');
  }
  const seconds = /^\d{1,7}$/.test(expires) ? Number(expires) : Number.NaN;
  if (!(seconds >= 1 && seconds <= SEVEN_DAYS)) {
    throw new Refusal(
      400,
      'AuthorizationQueryParametersError',
      'X-Goog-Expires must be between 1 and 604800 seconds.',
    );
  }
  if (from > Date.now() + SKEW) throw new Refusal(403, 'AccessDenied', 'Request is not yet valid.');
  if (Date.now() >= from + seconds * 1_000) {
    throw new Refusal(400, 'ExpiredToken', 'The provided token has expired.');
  }
  return time;
}

function canonicalQuery(query: URLSearchParams): string {
  return [...query]
    .filter(([name]) => name.toLowerCase() !== 'x-goog-signature')
    .map(([name, value]) => [encoded(name), encoded(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function canonicalHeaders(request: IncomingMessage, names: string[]): string {
  if (!names.includes('host') || names.some((name) => name !== name.toLowerCase())) {
    throw new Refusal(400, 'InvalidArgument', 'The signed headers must be lower-case and include host.');
  }
  return names
    .map((name) => {
      const value = request.headers[name];
      if (value === undefined) {
        throw new Refusal(
          400,
          'MalformedSecurityHeader',
          `Header ${name} was included in signedheaders, but not in the request.`,
        );
      }
      return `${name}:${String(value)
        .trim()
        .replace(/\s{2,}/g, ' ')}\n`;
    })
    .join('');
}
