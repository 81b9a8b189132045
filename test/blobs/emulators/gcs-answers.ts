import type { ServerResponse } from 'node:http';

/** What a request is refused with; the reasons are those of Google’s JSON API, the codes those of its XML API. */
export class Refusal extends Error {
  readonly status: number;
  readonly reason: string;
  readonly headers: Record<string, string>;

  constructor(status: number, reason: string, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.headers = headers;
  }
}

/** The refusal of an object that is not there. */
export function noSuchObject(bucket: string, name: string): Refusal {
  return new Refusal(404, 'notFound', `No such object: ${bucket}/${name}`);
}

/** The refusal of a condition that does not hold. */
export function conditionNotMet(): Refusal {
  return new Refusal(
    412,
    'conditionNotMet',
    'At least one of the pre-conditions you specified did not hold.',
  );
}

/** Answers with JSON. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json; charset=UTF-8',
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

/** Answers with nothing but a status and headers. */
export function sendEmpty(
  response: ServerResponse,
  status: number,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-length': 0, ...headers });
  response.end();
}

/** Refuses as the JSON API does; a body that was not read to its end closes the connection. */
export function refuseJson(response: ServerResponse, { status, reason, message, headers }: Refusal): void {
  const errors = [{ message, domain: 'global', reason }];
  sendJson(response, status, { error: { code: status, message, errors } }, closing(response, headers));
}

/** Refuses a download as the JSON API does, whose media come with plain words. */
export function refuseMedia(response: ServerResponse, { status, message, headers }: Refusal): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=UTF-8',
    'content-length': Buffer.byteLength(message),
    ...headers,
  });
  response.end(message);
}

/** Refuses as the XML API does. */
export function refuseXml(response: ServerResponse, { status, reason, message, headers }: Refusal): void {
  const text = `<?xml version='1.0' encoding='UTF-8'?><Error><Code>${reason}</Code><Message>${escaped(message)}</Message></Error>`;
  response.writeHead(status, {
    'content-type': 'application/xml; charset=UTF-8',
    'content-length': Buffer.byteLength(text),
    ...closing(response, headers),
  });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}

function closing({ req }: ServerResponse, headers: Record<string, string>): Record<string, string> {
  return req.complete || req.headers['content-length'] === '0'
    ? headers
    : { ...headers, connection: 'close' };
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
