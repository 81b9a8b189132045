import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import {
  type DefinitionNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  validate,
  visit,
} from 'graphql';
import { checkDocument, DEFAULT_LIMITS, parseBounded } from './document-limits.ts';
import { type TrustedDocument, TrustedDocuments } from './trusted-documents.ts';

interface Source {
  readonly path: string;
  readonly text: string;
}

const GRAPHQL = new Set(['.graphql', '.gql']);
const MOST_PROBLEMS = 10;

/**
 * Reads the documents that may run from a file, or from every file of a folder and the folders in it: GraphQL, or the
 * JSON manifests that GraphQL Code Generator and Apollo write. Rejects, naming what is wrong, when one cannot be read,
 * is not valid for the schema or is beyond the limits of all documents, and when there is none.
 */
export async function readTrustedDocuments(path: string, schema: GraphQLSchema): Promise<TrustedDocuments> {
  try {
    const sources = await sourcesAt(path);
    const isGraphQL = (source: Source) => GRAPHQL.has(extname(source.path));
    const found = [
      ...fromGraphQL(sources.filter(isGraphQL)),
      ...sources.filter((source) => !isGraphQL(source)).flatMap(fromManifest),
    ];
    if (found.length === 0) throw new Error('there is no document in it');
    const problems = found.flatMap((document) => problemsOf(document, schema));
    if (problems.length > 0) throw new Error(problems.slice(0, MOST_PROBLEMS).join('\n  '));
    return new TrustedDocuments(found);
  } catch (error) {
    throw new Error(`TRUSTED_DOCUMENTS is not right: ${(error as Error).message}`, { cause: error });
  }
}

interface Found extends TrustedDocument {
  /** Where it stands, for people. */
  readonly at: string;
}

async function sourcesAt(path: string): Promise<Source[]> {
  const isFolder = (await stat(path)).isDirectory();
  const names = isFolder ? await readdir(path, { recursive: true }) : [''];
  const paths = names
    .map((name) => (name ? join(path, name) : path))
    .filter((file) => !isFolder || GRAPHQL.has(extname(file)) || extname(file) === '.json')
    .sort();
  return Promise.all(paths.map(async (file) => ({ path: file, text: await readFile(file, 'utf8') })));
}

/** Each operation with the fragments it needs, wherever these stand, and each file that is complete in itself. */
function fromGraphQL(sources: readonly Source[]): Found[] {
  const files = sources.map((source) => ({ ...source, definitions: definitionsOf(source) }));
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const { path, definitions } of files) {
    for (const node of definitions.filter(isFragment)) {
      const name = node.name.value;
      if (fragments.has(name)) throw new Error(`${path}: there is another fragment named "${name}"`);
      fragments.set(name, node);
    }
  }
  return files.flatMap(({ path, text, definitions }) => {
    const operations = definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);
    const alone = operations.map((node) => ({
      at: placeOf(path, node),
      text: withFragments(node, fragments),
      ids: [],
    }));
    const own = new Set(definitions.filter(isFragment).map(({ name }) => name.value));
    const isWhole = spreadsOf(definitions).every((name) => own.has(name)) && operations.length > 0;
    return isWhole ? [...alone, { at: path, text, ids: [] }] : alone;
  });
}

function definitionsOf({ path, text }: Source): readonly DefinitionNode[] {
  try {
    return parse(text).definitions;
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

function withFragments(
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): string {
  const needed = new Set<DefinitionNode>([operation]);
  // What is added while the set is walked is walked too.
  for (const node of needed) {
    for (const name of spreadsOf([node])) {
      const fragment = fragments.get(name);
      if (fragment) needed.add(fragment);
    }
  }
  return print({ kind: Kind.DOCUMENT, definitions: [...needed] });
}

function spreadsOf(definitions: readonly DefinitionNode[]): string[] {
  const names: string[] = [];
  for (const node of definitions) visit(node, { FragmentSpread: ({ name }) => void names.push(name.value) });
  return names;
}

/** `{ id: text }`, or `{ format: "apollo-persisted-query-manifest", operations: [{ id, body }] }`. */
function fromManifest({ path, text }: Source): Found[] {
  const wrong = (what: string) => new Error(`${path}: ${what}`);
  const manifest = parsed(text);
  if (!isObject(manifest)) throw wrong('this is no JSON object of documents');
  const isApollo = manifest.format === 'apollo-persisted-query-manifest';
  if (isApollo && !Array.isArray(manifest.operations)) throw wrong('its `operations` are no list');
  const entries = isApollo
    ? (manifest.operations as unknown[]).map((entry) => (isObject(entry) ? [entry.id, entry.body] : []))
    : Object.entries(manifest);
  return entries.map(([id, body]) => {
    if (typeof id !== 'string' || id === '' || typeof body !== 'string')
      throw wrong('each document needs an id and a text');
    return { at: `${path}: ${id}`, text: body, ids: [id] };
  });
}

function problemsOf({ at, text }: Found, schema: GraphQLSchema): string[] {
  try {
    // What does not parse is told as the parser tells it.
    const document = parseBounded(text, DEFAULT_LIMITS) ?? parse(text);
    checkDocument(document, DEFAULT_LIMITS);
    return validate(schema, document).map(({ message }) => `${at}: ${message}`);
  } catch (error) {
    return [`${at}: ${(error as Error).message}`];
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isFragment = (node: DefinitionNode) => node.kind === Kind.FRAGMENT_DEFINITION;
const placeOf = (path: string, node: OperationDefinitionNode) =>
  node.name ? `${path}: ${node.name.value}` : path;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
