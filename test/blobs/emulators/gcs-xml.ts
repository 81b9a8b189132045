import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Accounts } from './gcs-accounts.ts';
import { Refusal, sendEmpty } from './gcs-answers.ts';
import type { Bucket, Buckets } from './gcs-buckets.ts';
import { etagOf, sendMedia } from './gcs-media.ts';
import { requireSignature } from './gcs-signatures.ts';

const CODES: Record<string, string> = {
  notFound: 'NoSuchKey',
  conditionNotMet: 'PreconditionFailed',
  requestedRangeNotSatisfiable: 'InvalidRange',
  invalid: 'InvalidArgument',
};

/** Answers GET, HEAD and PUT of `/bucket/object` by a signed URL; throws refusals with the codes of the XML API. */
export async function serveXml(
  service: { accounts: Accounts; buckets: Buckets },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  requireSignature(service.accounts, request);
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://gcs');
  const [, bucketName = '', ...rest] = pathname.split('/').map(decodeURIComponent);
  const name = rest.join('/');
  const bucket = bucketOf(service.buckets, bucketName);
  try {
    if (request.method === 'PUT') await put(bucket, name, request, response);
    else if (request.method === 'GET' || request.method === 'HEAD') {
      await sendMedia(request, response, bucket.get(name), overridesOf(searchParams));
    } else throw new Refusal(405, 'MethodNotAllowed', 'This method is not served here.');
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(error.status, CODES[error.reason] ?? error.reason, error.message, error.headers);
  }
}

function bucketOf(buckets: Buckets, name: string): Bucket {
  try {
    return buckets.get(name);
  } catch {
    throw new Refusal(404, 'NoSuchBucket', 'The specified bucket does not exist.');
  }
}

function overridesOf(query: URLSearchParams): Record<string, string> {
  const overrides: Record<string, string> = {};
  for (const name of ['content-type', 'content-disposition', 'cache-control', 'content-encoding']) {
    const value = query.get(`response-${name}`);
    if (value !== null) overrides[name] = value;
  }
  return overrides;
}

async function put(bucket: Bucket, name: string, request: IncomingMessage, response: ServerResponse) {
  const { headers } = request;
  const range = headers['x-goog-content-length-range'];
  const [, least = '0', most = 'Infinity'] = /^(\d+),(\d+)$/.exec(String(range ?? '')) ?? [];
  if (range !== undefined && most === 'Infinity') {
    throw new Refusal(400, 'InvalidArgument', 'Invalid x-goog-content-length-range.');
  }
  const told = Number(headers['content-length'] ?? Number.NaN);
  requireLength(told, Number(least), Number(most));
  const draft = bucket.newDraft();
  try {
    for await (const chunk of request) {
      await draft.take(chunk);
      if (draft.taken > Number(most)) requireLength(draft.taken, 0, Number(most));
    }
    requireLength(draft.taken, Number(least), Number(most));
    const query = new URLSearchParams();
    for (const part of ['generation', 'metageneration']) {
      const value = headers[`x-goog-if-${part}-match`];
      const title = `if${part.charAt(0).toUpperCase()}${part.slice(1)}Match`;
      if (typeof value === 'string') query.set(title, value);
    }
    const type = headers['content-type'];
    const stored = await bucket.keep(name, await draft.finish(), type ? { contentType: type } : {}, query);
    sendEmpty(response, 200, {
      etag: etagOf(stored),
      'x-goog-generation': stored.generation,
      'x-goog-hash': `crc32c=${stored.crc32c},md5=${stored.md5}`,
      'x-goog-stored-content-length': String(stored.size),
    });
  } catch (error) {
    await draft.discard();
    throw error;
  }
}

function requireLength(length: number, least: number, most: number): void {
  if (length > most) {
    throw new Refusal(
      400,
      'EntityTooLarge',
      'Your proposed upload is larger than the maximum object size specified in your Policy Document.',
    );
  }
  if (length < least) {
    throw new Refusal(
      400,
      'EntityTooSmall',
      'Your proposed upload is smaller than the minimum object size specified in your Policy Document.',
    );
  }
}
