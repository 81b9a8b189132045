import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { useAgent } from 'request-filtering-agent';
import { AppError } from '../errors.ts';

/** A message that is to be posted. */
export interface Message {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Which addresses messages may go to. */
export interface AddressRules {
  /** Whether private and local addresses are allowed; without it only public ones are, whatever a name resolves to. */
  readonly allowPrivate: boolean;
}

/** Why a message was not taken: no answer, or none that can be followed. */
export class WebhookFailure extends Error {}

const MOST_REDIRECTS = 3;
// These keep the method and the body, by RFC 9110; others would turn a message into a question.
const REPEATS = new Set([307, 308]);
const LENGTH = 2_000;

/**
 * The address as it is kept, or BAD_USER_INPUT: http or https, without a user. Where it leads to is looked at each time
 * that a message is sent, since names come to mean something else.
 */
export function checkedWebhookUrl(text: string): string {
  const url = URL.canParse(text) && text.length <= LENGTH ? new URL(text) : null;
  const isPlain = url && !url.username && !url.password && !url.hash;
  if (isPlain && (url.protocol === 'https:' || url.protocol === 'http:')) return url.href;
  const message = 'must be an http or https address of at most 2000 characters, without user and fragment';
  throw new AppError('BAD_USER_INPUT', `url ${message}.`, { issues: [{ field: 'url', message }] });
}

/**
 * Posts the message and resolves with the status of the answer, whose body nobody reads. Each address, also one that it
 * was redirected to, is resolved once and connected to as it was resolved, so that what was allowed is what is reached.
 */
export async function post(message: Message, rules: AddressRules, signal: AbortSignal): Promise<number> {
  let url = new URL(message.url);
  for (let redirects = 0; ; redirects += 1) {
    const { status, location } = await postOnce(url, message, rules, signal);
    if (!REPEATS.has(status) || !location) return status;
    if (redirects >= MOST_REDIRECTS) throw new WebhookFailure('It was redirected too often.');
    if (!URL.canParse(location, url.href)) throw new WebhookFailure('It was redirected to no address.');
    const next = new URL(location, url);
    const isWeaker = url.protocol === 'https:' && next.protocol !== 'https:';
    if (isWeaker || !/^https?:$/.test(next.protocol))
      throw new WebhookFailure('It was redirected away from HTTPS.');
    url = next;
  }
}

function postOnce(
  url: URL,
  { body, headers }: Message,
  { allowPrivate }: AddressRules,
  signal: AbortSignal,
): Promise<{ status: number; location: string | undefined }> {
  const agent = useAgent(url.protocol, {
    allowPrivateIPAddress: allowPrivate,
    allowMetaIPAddress: allowPrivate,
  });
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  const bytes = Buffer.from(body);
  return new Promise((resolve, reject) => {
    const sent = request(
      url.href,
      { method: 'POST', agent, signal, headers: { ...headers, 'content-length': bytes.length } },
      (response) => {
        response.destroy();
        resolve({ status: response.statusCode ?? 0, location: response.headers.location });
      },
    );
    sent.on('error', (error) =>
      reject(signal.aborted ? new WebhookFailure('It took too long.') : failure(error)),
    );
    sent.end(bytes);
  });
}

function failure(error: NodeJS.ErrnoException): WebhookFailure {
  // The agent has no code of its own for what it refuses; what it says names the address, which is nobody’s business.
  const isRefused = / is not allowed\. /.test(error.message);
  const text = isRefused
    ? 'It leads to a private or local address.'
    : `It could not be reached (${error.code ?? 'unknown'}).`;
  return new WebhookFailure(text, { cause: error });
}
