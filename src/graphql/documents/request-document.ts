import type { FastifyRequest } from 'fastify';
import type { DocumentGate } from './document-gate.ts';
import type { DocumentRequest } from './trusted-documents.ts';

// What a GET means is told by the URL standard’s rules, which are not Fastify’s.
const ANY_ORIGIN = 'http://localhost';

/** Has the gate decide over the document of a request, and puts the one that is to run where Apollo reads it. */
export function admitDocument(gate: DocumentGate, request: FastifyRequest): void {
  if (request.method === 'GET') admitAddress(gate, request);
  // What is no object is no operation, as Apollo will say.
  else if (isObject(request.body)) request.body = gate.admit(request.body as DocumentRequest);
}

function admitAddress(gate: DocumentGate, request: FastifyRequest): void {
  const { searchParams, pathname } = new URL(request.url, ANY_ORIGIN);
  const asked: DocumentRequest = {
    query: searchParams.get('query') ?? undefined,
    documentId: searchParams.get('documentId') ?? undefined,
    extensions: parsed(searchParams.get('extensions')),
  };
  const admitted = gate.admit(asked);
  if (admitted === asked) return;
  searchParams.set('query', String(admitted.query));
  searchParams.set('extensions', JSON.stringify(admitted.extensions));
  request.raw.url = `${pathname}?${searchParams}`;
}

function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text ?? '{}');
  } catch {
    return {};
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
