import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DocumentGate } from './document-gate.ts';
import { readTrustedDocuments } from './trusted-document-files.ts';
import { TrustedDocuments } from './trusted-documents.ts';

const SCHEMA = buildSchema('type Query { me: User a: Int } type User { id: ID name: String }');
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const ME = 'query Me {\n  me {\n    id\n  }\n}';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-documents-'));
});
afterAll(() => rm(folder, { recursive: true }));

let made = 0;
async function read(files: Record<string, string>, path = ''): Promise<TrustedDocuments> {
  made += 1;
  const root = join(folder, String(made));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return readTrustedDocuments(join(root, path), SCHEMA);
}

describe('Trusted documents', () => {
  const trusted = new TrustedDocuments([{ text: '{ me   { id } }\n', ids: ['mine'] }]);
  const printed = '{\n  me {\n    id\n  }\n}';

  it('are known as written, printed, trimmed and without spaces, and by the hash of each', () => {
    for (const query of ['{ me   { id } }\n', '{ me   { id } }', printed, '{me{id}}']) {
      expect(trusted.textOf({ query })).toBe(printed);
      expect(trusted.textOf({ documentId: sha256(query) })).toBe(printed);
      expect(
        trusted.textOf({ query: '', extensions: { persistedQuery: { sha256Hash: sha256(query) } } }),
      ).toBe(printed);
    }
    expect(trusted.textOf({ documentId: 'mine' })).toBe(printed);
    expect(trusted.textOf({ query: '{me{id}}', documentId: 'mine' })).toBe(printed);
  });

  it.each([
    [{}],
    [{ query: '{ a }' }],
    [{ query: '{ me { id } } ' }],
    [{ query: '{ a }', documentId: 'mine' }],
    [{ query: '{me{id}}', documentId: 'other' }],
    [{ documentId: 'constructor' }],
    [{ documentId: ['mine'] }],
    [{ documentId: { $ne: 1 } }],
    [{ query: ['{me{id}}'] }],
    [{ query: 7 }],
    [{ documentId: 'mine', extensions: { persistedQuery: { sha256Hash: 'x' } } }],
    [{ extensions: { persistedQuery: null } }],
    [{ extensions: 'x' }],
  ])('are all that runs: %o is refused', (request) => {
    expect(() => trusted.textOf(request)).toThrow(
      expect.objectContaining({
        code: 'BAD_USER_INPUT',
        message: expect.stringContaining('Only trusted documents'),
      }),
    );
  });

  it('go through the gate as the text to run, without an id that the server would take for its own', () => {
    const gate = new DocumentGate(trusted);
    const extensions = { persistedQuery: { version: 1, sha256Hash: 'mine' }, other: 1 };
    expect(gate.admit({ extensions, variables: { a: 1 } })).toEqual({
      query: printed,
      extensions: { other: 1 },
      variables: { a: 1 },
    });
    expect(() => gate.admit({ query: '{ a }' })).toThrow('Only trusted documents');
  });
});

describe('The files of trusted documents', () => {
  it('may be GraphQL, whose operations take their fragments from any of the files', async () => {
    const documents = await read({
      'a/me.graphql': 'query Me { me { ...F } }\nquery A { a }',
      'f.gql': 'fragment F on User { ...G }',
      'g.graphql': 'fragment G on User { id }',
      'README.md': 'not one of them',
    });
    expect(documents.size).toBe(2);
    expect(documents.textOf({ query: 'query A{a}' })).toContain('query A');
    const me =
      'query Me {\n  me {\n    ...F\n  }\n}\n\nfragment F on User {\n  ...G\n}\n\nfragment G on User {\n  id\n}';
    expect(documents.textOf({ query: me })).toBe(me);
    expect(documents.textOf({ documentId: sha256(me) })).toBe(me);
  });

  it('that are complete in themselves may be sent as they are', async () => {
    const text = '# mine\nquery Me { me { ...F } }\nfragment F on User { id }\nquery A { a }\n';
    const documents = await read({ 'all.graphql': text }, 'all.graphql');
    expect(documents.textOf({ query: text })).toContain('query A');
    expect(documents.textOf({ documentId: sha256(text) })).toContain('query Me');
  });

  it('may be the manifest of GraphQL Code Generator, or Apollo’s', async () => {
    const sha1 = createHash('sha1').update(ME).digest('hex');
    const documents = await read({
      'persisted-documents.json': JSON.stringify({ [sha1]: ME }),
      'apollo.json': JSON.stringify({
        format: 'apollo-persisted-query-manifest',
        version: 1,
        operations: [{ id: 'by-apollo', name: 'A', type: 'query', body: 'query A { a }' }],
      }),
    });
    expect(documents.textOf({ documentId: sha1 })).toBe(ME);
    expect(documents.textOf({ extensions: { persistedQuery: { sha256Hash: 'by-apollo' } } })).toContain(
      'query A',
    );
  });

  it.each<[what: string, files: Record<string, string>, path: string, message: RegExp]>([
    ['is not there', {}, 'x.json', /ENOENT/],
    ['has no document', { 'a.md': '' }, '', /no document/],
    ['holds only fragments', { 'a.graphql': 'fragment F on User { id }' }, '', /no document/],
    ['is no GraphQL', { 'a.graphql': '{' }, '', /a\.graphql: Syntax Error/],
    [
      'asks for what there is not',
      { 'a.graphql': 'query Q { nothing }' },
      '',
      /a\.graphql: Q: Cannot query field "nothing"/,
    ],
    ['lacks a fragment', { 'a.graphql': '{ me { ...F } }' }, '', /Unknown fragment "F"/],
    [
      'has two fragments of a name',
      { 'a.graphql': 'fragment F on User { id }', 'b.graphql': 'fragment F on User { name }' },
      '',
      /another fragment named "F"/,
    ],
    [
      'is beyond the limits',
      { 'a.graphql': `{ ${'a '.repeat(700)} }` },
      '',
      /more than 20 fields at the root/,
    ],
    ['is no JSON', { 'a.json': '{' }, '', /no JSON object/],
    ['is a list', { 'a.json': '[]' }, '', /no JSON object/],
    ['has a document that is no text', { 'a.json': '{"x":1}' }, '', /needs an id and a text/],
    [
      'has an operation without a body',
      { 'a.json': '{"format":"apollo-persisted-query-manifest","operations":[{"id":"x"}]}' },
      '',
      /needs an id/,
    ],
    ['has no operations', { 'a.json': '{"format":"apollo-persisted-query-manifest"}' }, '', /no list/],
    [
      'has a document that is not valid',
      { 'a.json': '{"x":"{ b }"}' },
      '',
      /a\.json: x: Cannot query field "b"/,
    ],
    [
      'names two documents by one id',
      { 'a.json': '{"x":"{ a }"}', 'b.json': '{"x":"{ b: a }"}' },
      '',
      /the id x names two/,
    ],
  ])('stop the start, saying why, when one %s', async (_what, files, path, message) => {
    await expect(read(files, path)).rejects.toThrow(message);
    await expect(read(files, path)).rejects.toThrow('TRUSTED_DOCUMENTS is not right: ');
  });
});
