import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Accounts } from './gcs-accounts.ts';
import { Refusal, refuseMedia, sendEmpty, sendJson } from './gcs-answers.ts';
import type { Bucket, Buckets } from './gcs-buckets.ts';
import { sendMedia } from './gcs-media.ts';
import { parseDescribed } from './gcs-multipart.ts';
import { bucketResourceOf, resourceOf, selected } from './gcs-resources.ts';
import { type Sessions, uploadAtOnce } from './gcs-uploads.ts';

/** What the JSON API works on. */
export interface Service {
  readonly accounts: Accounts;
  readonly buckets: Buckets;
  readonly sessions: Sessions;
}

/** A request with its address taken apart; the parts of the path are decoded. */
interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly parts: string[];
  readonly query: URLSearchParams;
}

/** Answers a request of the JSON API, uploads and downloads included. */
export async function serveJson(
  service: Service,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://gcs');
  const id = query.get('upload_id');
  // The address of an upload session is its own proof.
  if (pathname.startsWith('/upload/') && id !== null && request.method !== 'POST') {
    await service.sessions.serve(request, response, id);
    return;
  }
  if (!service.accounts.knows(request.headers.authorization)) {
    throw new Refusal(401, 'authError', 'Invalid Credentials', { 'www-authenticate': 'Bearer realm="gcs"' });
  }
  const [, area, rest = ''] = /^\/(?:(upload|download)\/)?storage\/v1\/(.*)$/.exec(pathname) ?? [];
  const call = { request, response, parts: rest.split('/').map(decodeURIComponent), query };
  if (area === 'upload') await upload(service, call);
  else await serveResource(service, call);
}

async function upload({ buckets, sessions }: Service, { request, response, parts, query }: Call) {
  const bucket = buckets.get(parts[1] ?? '');
  if (query.get('uploadType') !== 'resumable') {
    const stored = await uploadAtOnce(request, bucket, query);
    sendJson(response, 200, selected(resourceOf(stored), query.get('fields')));
    return;
  }
  const id = await sessions.begin(request, bucket, query);
  const url = new URL(request.url ?? '', `http://${request.headers.host}`);
  url.searchParams.set('upload_id', id);
  sendEmpty(response, 200, { location: url.href, 'x-guploader-uploadid': id });
}

async function serveResource({ buckets }: Service, call: Call): Promise<void> {
  const { request, response, parts, query } = call;
  const [b, bucketName = '', o, name, action] = parts;
  const method = request.method ?? 'GET';
  const answer = (body: Record<string, unknown>) =>
    sendJson(response, 200, selected(body, query.get('fields')));
  if (b !== 'b') throw new Refusal(404, 'notFound', 'Not Found');
  if (bucketName === '' && method === 'POST') {
    const described = parseDescribed(await text(request));
    answer(bucketResourceOf(buckets.insert(described.name, query.get('project'))));
    return;
  }
  if (o === undefined && method === 'DELETE') {
    buckets.delete(bucketName);
    sendEmpty(response, 204);
    return;
  }
  const bucket = buckets.get(bucketName);
  if (o === undefined && method === 'GET') answer(bucketResourceOf(bucket));
  else if (o === 'o' && name === undefined && method === 'GET') answer(listing(bucket, query));
  else if (o === 'o' && name !== undefined && action === undefined) await serveObject(bucket, name, call);
  else if (o === 'o' && name !== undefined && method === 'POST')
    answer(await copy(buckets, bucket, name, call));
  else throw new Refusal(501, 'notImplemented', `${method} ${request.url} is not served here.`);
}

async function serveObject(bucket: Bucket, name: string, call: Call): Promise<void> {
  const { request, response, query } = call;
  if (request.method === 'DELETE') {
    await bucket.delete(name, query);
    sendEmpty(response, 204);
  } else if (request.method !== 'GET') {
    throw new Refusal(501, 'notImplemented', `${request.method} of an object is not served here.`);
  } else if (query.get('alt') !== 'media') {
    sendJson(response, 200, selected(resourceOf(bucket.get(name, query)), query.get('fields')));
  } else {
    try {
      await sendMedia(request, response, bucket.get(name, query));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refuseMedia(response, error);
    }
  }
}

function listing(bucket: Bucket, query: URLSearchParams): Record<string, unknown> {
  const { items, prefixes, nextPageToken } = bucket.list(query);
  return {
    kind: 'storage#objects',
    ...(nextPageToken && { nextPageToken }),
    ...(prefixes.length > 0 && { prefixes }),
    ...(items.length > 0 && { items: items.map(resourceOf) }),
  };
}

/** `rewriteTo` and `copyTo`, which here end at once. */
async function copy(buckets: Buckets, bucket: Bucket, name: string, { request, parts, query }: Call) {
  const [, , , , action, , toBucket = '', , toName = ''] = parts;
  const described = parseDescribed(await text(request));
  const source = new URLSearchParams();
  for (const [key, value] of query) {
    const own = /^(?:ifSource|source)(.*)$/.exec(key)?.[1];
    if (own) source.set(key.startsWith('if') ? `if${own}` : own.toLowerCase(), value);
  }
  const stored = await buckets.get(toBucket).copy(bucket.get(name, source), toName, described, query);
  if (action === 'copyTo') return resourceOf(stored);
  if (action !== 'rewriteTo') throw new Refusal(404, 'notFound', 'Not Found');
  const size = String(stored.size);
  return {
    kind: 'storage#rewriteResponse',
    totalBytesRewritten: size,
    objectSize: size,
    done: true,
    resource: resourceOf(stored),
  };
}
