import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { parse } from 'graphql';
import { checkDocument, DEFAULT_LIMITS, parseBounded } from '../../dist/graphql/documents/document-limits.js';
import { serve } from '../lib/processes.mjs';

/** Starts the least server that parses a document and refuses it, or times what looks at documents by itself. */
serve(async (job) => (job.kind === 'serve' ? listen() : timed(job)));

async function listen() {
  const server = createServer(async (incoming, response) => {
    parsed(await text(incoming));
    response.writeHead(400, { 'content-type': 'application/json' }).end('{"errors":[]}');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { origin: `http://127.0.0.1:${server.address().port}` };
}

/** Milliseconds of each time: `parse` is JSON.parse and graphql’s parse, `gate` is what the service does. */
function timed({ kind, body, times }) {
  const { query } = JSON.parse(body);
  const work = kind === 'parse' ? () => parsed(body) : () => refused(query);
  return Array.from({ length: times }, () => {
    const from = performance.now();
    work();
    return performance.now() - from;
  });
}

function parsed(body) {
  try {
    parse(JSON.parse(body).query);
  } catch (error) {
    if (error.name !== 'GraphQLError' && !(error instanceof RangeError)) throw error;
  }
}

function refused(query) {
  try {
    const document = parseBounded(query, DEFAULT_LIMITS);
    if (document) checkDocument(document, DEFAULT_LIMITS);
  } catch (error) {
    if (error.code === 'BAD_USER_INPUT') return;
    throw error;
  }
  throw new Error('The document was not refused.');
}
