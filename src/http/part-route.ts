import type { IncomingMessage } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../errors.ts';
import { takePlaces } from '../services/limits/upload-places.ts';
import type { UploadSlots } from '../services/limits/upload-slots.ts';
import type { PartLinkParameters } from '../services/uploads/part-links.ts';
import type { AdmittedPart, PartUploads } from '../services/uploads/part-uploads.ts';
import { type AnswerUnread, errorBody } from './error-answers.ts';

interface PartRequest {
  Params: { id: string; number: string };
  Querystring: PartLinkParameters;
}

const ADDRESS = '/uploads/:id/parts/:number';
const OTHER_METHODS = ['GET', 'HEAD', 'POST', 'DELETE', 'PATCH'];
const LENGTH_REQUIRED = 411;
const BUFFERED_BYTES = 128 * 1024;

/** `PUT /uploads/:id/parts/:number`: one part of a direct upload, by an address that is signed and needs no login. */
export async function partRoutes(
  app: FastifyInstance,
  options: {
    parts: PartUploads;
    slots: UploadSlots;
    answerUnread: AnswerUnread;
  },
): Promise<void> {
  const { parts, slots, answerUnread } = options;
  const admitted = new WeakMap<FastifyRequest, AdmittedPart>();

  // The body is a file’s bytes, whatever its type.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _body, done) => done(null));

  app.setErrorHandler((error, request, reply) => {
    const body = errorBody(error, request, reply);
    if (error instanceof LengthRequired) reply.code(LENGTH_REQUIRED);
    return answerUnread(request, reply, body);
  });

  app.route<PartRequest>({
    method: 'PUT',
    url: ADDRESS,
    config: { needs: 'signature' },
    onRequest: admit,
    async handler(request, reply) {
      await parts.put(admitted.get(request) as AdmittedPart, bodyOf(request.raw));
      return reply.code(204).send();
    },
  });
  // Nothing else is here, and whoever sends a body with it is not listened to for long.
  app.route({
    method: OTHER_METHODS,
    url: ADDRESS,
    config: { needs: 'anyone' },
    onRequest: refuseOther,
    handler: refuseOther,
  });

  /** Decides by the address and the headers alone whether the body is worth reading. */
  async function admit(request: FastifyRequest<PartRequest>, reply: FastifyReply): Promise<void> {
    const { id, number } = request.params;
    const length = request.headers['content-length'];
    if (length === undefined) throw new LengthRequired();
    const part = await parts.admit(id, number, request.query, Number(length));
    takePlaces(slots, { request: request.raw, response: reply.raw }, part.by.toHexString());
    admitted.set(request, part);
    // One that is empty or garbled would be refused for it.
    delete request.headers['content-type'];
    if (request.headers.expect?.toLowerCase() === '100-continue') reply.raw.writeContinue();
  }
}

async function refuseOther(): Promise<never> {
  throw new AppError('NOT_FOUND', 'There is nothing at this address.');
}

// RFC 9110 section 15.5.12: "The 411 (Length Required) status code indicates that the server refuses to accept the
// request without a defined Content-Length".
class LengthRequired extends AppError {
  constructor() {
    super('BAD_USER_INPUT', 'Send the part with a content-length.');
  }
}

/** The body as a reader may treat it: giving it up leaves the connection open for an answer. */
function bodyOf(raw: IncomingMessage): Readable {
  const body = new PassThrough({ highWaterMark: BUFFERED_BYTES });
  // Whoever reads it hears of a failure; until then, or after giving up, nobody does.
  body.on('error', () => undefined);
  body.once('close', () => raw.unpipe(body));
  const gone = () => {
    if (raw.readableEnded) return;
    body.destroy(new AppError('BAD_USER_INPUT', 'The client went away before the part was complete.'));
  };
  // Nothing but a connection that broke: a client's doing, and nothing to be logged as ours.
  raw.once('error', gone);
  // It may have gone while its address was looked at, and a stream tells of its end only once.
  if (raw.destroyed) gone();
  else raw.once('close', gone);
  return raw.pipe(body);
}
