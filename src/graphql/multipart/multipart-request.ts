import type { IncomingMessage } from 'node:http';
import { Busboy } from '@fastify/busboy';
import { Upload } from 'graphql-upload-ts';
import { AppError } from '../../errors.ts';
import { IncomingParts, type SpillSettings } from './incoming-parts.ts';
import { discard } from './part-stream.ts';

/** What a multipart request may be. */
export interface MultipartLimits {
  /** Bytes of the `operations` and of the `map` field. */
  readonly fieldBytes: number;
  readonly maxFiles: number;
  /** Bytes of one file; lets a request whose length is known be refused before its bytes are read. */
  readonly maxFileSize: number;
  readonly spill: SpillSettings;
}

/** A request whose operation can run while its files still arrive. */
export interface MultipartRequest {
  /** `query`, `variables` (with an `Upload` in each mapped place) and so on, as JSON requests have them. */
  readonly operation: Record<string, unknown>;
  readonly fileCount: number;
  /** Frees what the files hold; true when the body was read to its end. */
  close(): Promise<boolean>;
}

/** Bytes that part headers and boundaries may add to the files of a request. */
export const ENVELOPE_BYTES = 1024 * 1024;

const BUFFERED_BYTES = 128 * 1024;
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);
const MAX_MAP_PATHS = 100;

/**
 * Reads a request by the GraphQL multipart request specification
 * (https://github.com/jaydenseric/graphql-multipart-request-spec) up to its first file, and goes on reading as the
 * operation consumes the files. Rejects with BAD_USER_INPUT or PAYLOAD_TOO_LARGE.
 */
export function receiveMultipart(
  request: IncomingMessage,
  limits: MultipartLimits,
  signal: AbortSignal,
): Promise<MultipartRequest> {
  return new Promise((resolve, reject) => {
    const parser = openParser(request, limits);
    let operation: Record<string, unknown> | undefined;
    let parts: IncomingParts | undefined;
    let finished = false;
    let received = 0;
    let most = 2 * limits.fieldBytes + ENVELOPE_BYTES;

    const fail = (error: Error) => {
      request.off('data', count).unpipe(parser);
      parts?.end(error);
      reject(error);
    };

    // A body of unknown length could go on for ever in places where nothing else has a limit.
    const count = (chunk: Buffer) => {
      received += chunk.length;
      if (received > most)
        fail(new AppError('PAYLOAD_TOO_LARGE', 'The request is larger than its files may be.'));
    };

    // "operations: A JSON encoded operations object with files replaced with null."
    // "map: A JSON encoded map of where files occurred in the operations."
    parser.on('field', (name, value, _nameCut, valueCut) => {
      try {
        if (valueCut) throw invalid(`The field \`${name}\` is too large.`);
        if (name === 'operations') operation ??= parseOperations(value);
        else if (name === 'map' && !parts) {
          if (!operation) throw invalid('The field `operations` must come before `map`.');
          const map = parseMap(value, limits.maxFiles);
          requirePlausibleLength(request, map.size, limits.maxFileSize);
          parts = new IncomingParts(
            new Map([...map].map(([key, paths]) => [key, paths.length])),
            limits.spill,
          );
          placeUploads(operation, map, parts);
          most += map.size * limits.maxFileSize;
          resolve({ operation, fileCount: map.size, close });
        }
      } catch (error) {
        fail(error as Error);
      }
    });

    parser.on('file', (name, stream, filename, _encoding, mimeType) => {
      if (parts) return parts.arrived(name, { filename: filename ?? '', mimeType }, stream);
      discard(stream);
      // "To avoid the need to buffer files, the fields operations and map come before the files."
      return fail(invalid('The fields `operations` and `map` must come before the files.'));
    });

    parser.on('error', (error) =>
      fail(invalid(`The multipart body is malformed: ${(error as Error).message}`)),
    );
    parser.once('finish', () => {
      finished = true;
      if (parts) parts.end(null);
      else fail(invalid(operation ? 'The field `map` is missing.' : 'The field `operations` is missing.'));
    });
    if (signal.aborted) {
      fail(signal.reason as Error);
      return;
    }
    signal.addEventListener('abort', () => fail(signal.reason as Error), { once: true });
    request.on('data', count).pipe(parser);

    async function close(): Promise<boolean> {
      await parts?.close();
      // The closing boundary may still be on its way through the parser.
      if (!finished && request.readableEnded) await new Promise((done) => setImmediate(done));
      request.off('data', count);
      if (!finished) request.unpipe(parser);
      return finished;
    }
  });
}

function openParser(request: IncomingMessage, limits: MultipartLimits) {
  try {
    return new Busboy({
      headers: { ...request.headers, 'content-type': request.headers['content-type'] ?? '' },
      highWaterMark: BUFFERED_BYTES,
      fileHwm: BUFFERED_BYTES,
      isPartAFile: (name) => name !== 'operations' && name !== 'map',
      limits: { fieldSize: limits.fieldBytes, fields: 4, headerPairs: 32, headerSize: 16 * 1024 },
    });
  } catch (error) {
    throw invalid(`The multipart request is malformed: ${(error as Error).message}`);
  }
}

function parseOperations(text: string): Record<string, unknown> {
  const operations = parseJson(text, 'operations');
  if (Array.isArray(operations)) throw invalid('Batched operations are not supported.');
  if (!isObject(operations)) throw invalid('The field `operations` must hold a JSON object.');
  return operations;
}

function parseMap(text: string, maxFiles: number): Map<string, string[]> {
  const map = parseJson(text, 'map');
  if (!isObject(map)) throw invalid('The field `map` must hold a JSON object.');
  const entries = Object.entries(map);
  if (entries.length > maxFiles) {
    throw new AppError('PAYLOAD_TOO_LARGE', `A request may bring at most ${maxFiles} files.`);
  }
  let total = 0;
  for (const [name, paths] of entries) {
    if (!Array.isArray(paths) || paths.length === 0 || !paths.every((path) => typeof path === 'string')) {
      throw invalid(`The map’s entry "${name}" must be a list of paths.`);
    }
    total += paths.length;
  }
  if (total > MAX_MAP_PATHS) throw invalid('The map has too many paths.');
  return new Map(entries as [string, string[]][]);
}

function requirePlausibleLength(request: IncomingMessage, files: number, maxFileSize: number): void {
  const length = Number(request.headers['content-length']);
  if (length > files * maxFileSize + ENVELOPE_BYTES) {
    throw new AppError('PAYLOAD_TOO_LARGE', `A file is larger than the limit of ${maxFileSize} bytes.`);
  }
}

function placeUploads(operation: object, map: ReadonlyMap<string, string[]>, parts: IncomingParts): void {
  for (const [name, paths] of map) {
    for (const path of paths) {
      const upload = new Upload();
      // The scalar only hands this value on; what resolvers get of it is ours, see IncomingFile.
      upload.resolve(parts.incoming(name) as never);
      place(operation, path, upload);
    }
  }
}

/** Sets a value where the path leads; only places that the client itself wrote as null can be set. */
function place(operation: object, path: string, upload: Upload): void {
  const steps = path.split('.');
  const wrong = () =>
    invalid(`The map’s path "${path}" does not lead to a null in the operations’ variables.`);
  if (steps[0] !== 'variables' || steps.some((step) => FORBIDDEN_KEYS.has(step))) throw wrong();
  const last = steps.pop() ?? '';
  let target: unknown = operation;
  for (const step of steps) {
    if (!isContainer(target) || !Object.hasOwn(target, step)) throw wrong();
    target = (target as Record<string, unknown>)[step];
  }
  if (!isContainer(target) || !Object.hasOwn(target, last) || Reflect.get(target, last) !== null)
    throw wrong();
  Reflect.set(target, last, upload);
}

function parseJson(text: string, field: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(`The field \`${field}\` is not JSON.`);
  }
}

const isContainer = (value: unknown): value is object => typeof value === 'object' && value !== null;
const isObject = (value: unknown): value is Record<string, unknown> =>
  isContainer(value) && !Array.isArray(value);
const invalid = (message: string) => new AppError('BAD_USER_INPUT', message);

/** Whether a body of this content type is a multipart form. */
export function isMultipartType(contentType: string | undefined): boolean {
  return /^\s*multipart\/form-data\b/i.test(contentType ?? '');
}
