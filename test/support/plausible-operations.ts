import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql';
import { type Answer, gql, operationParts, send, sendParts } from './client.ts';

/** What arguments are made of: texts and ids by the name of the argument or of the field. */
export interface Facts {
  /** Whether to send optional arguments too. */
  readonly everything: boolean;
  /** The text for an argument of this name of this field. */
  text(argument: string, field: string): string;
  /** The id of what such a field is about. */
  id(field: string): string;
}

/** A root field as it may be sent. */
export interface Operation {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  /** The variables that files go into, by their paths. */
  readonly files: readonly string[];
}

const FUTURE = '2099-01-01T00:00:00.000Z';
const SCALARS: Record<string, unknown> = {
  Int: 1,
  Float: 1,
  SafeInt: 1,
  Boolean: true,
  DateTime: FUTURE,
  JSONObject: {},
};

/** A field of a root type, with the name that rules have for it. */
export interface RootField {
  readonly kind: 'query' | 'mutation' | 'subscription';
  readonly field: GraphQLField<unknown, unknown>;
  readonly name: string;
}

/** An operation of one root field, with arguments made from their types alone. */
export function operationOf({ kind, field }: RootField, facts: Facts): Operation {
  const files: string[] = [];
  const args = field.args.filter((arg) => facts.everything || isRequiredArgument(arg));
  const made = (type: GraphQLInputType, name: string, path: string): unknown => {
    if (isNonNullType(type)) return made(type.ofType, name, path);
    if (isListType(type)) return [made(type.ofType, name, `${path}.0`)];
    if (isEnumType(type)) return type.getValues()[0]?.name;
    if (isInputObjectType(type)) {
      const given = Object.values(type.getFields()).filter(
        (each) => facts.everything || isRequiredInputField(each),
      );
      return Object.fromEntries(
        given.map((each) => [each.name, made(each.type, each.name, `${path}.${each.name}`)]),
      );
    }
    if (type.name === 'ID') return facts.id(field.name);
    if (type.name === 'String') return facts.text(name, field.name);
    if (type.name === 'Upload') {
      files.push(path);
      return null;
    }
    if (!(type.name in SCALARS)) throw new Error(`Nothing is known of the scalar ${type.name}.`);
    return SCALARS[type.name];
  };
  const variables = Object.fromEntries(
    args.map(({ name, type }) => [name, made(type, name, `variables.${name}`)]),
  );
  const declared = args.map(({ name, type }) => `$${name}: ${type}`).join(', ');
  const passed = args.map(({ name }) => `${name}: $${name}`).join(', ');
  const selection = isLeafType(getNamedType(field.type)) ? '' : ' { __typename }';
  const head = declared ? `${kind} (${declared})` : kind;
  return { query: `${head} { ${field.name}${passed ? `(${passed})` : ''}${selection} }`, variables, files };
}

/** Every field of the root types. */
export function rootFieldsOf(schema: GraphQLSchema): RootField[] {
  const roots = [
    ['query', schema.getQueryType()],
    ['mutation', schema.getMutationType()],
    ['subscription', schema.getSubscriptionType()],
  ] as const;
  return roots.flatMap(([kind, type]) =>
    Object.values(type?.getFields() ?? {}).map((field) => ({
      kind,
      field,
      name: `${type?.name}.${field.name}`,
    })),
  );
}

/** Sends the operation, as multipart where it brings files; without a token where there is none. */
export function sendOperation(
  origin: string,
  { query, variables, files }: Operation,
  token: string | undefined,
): Promise<Answer<Record<string, unknown>>> {
  if (files.length === 0) return gql(origin, query, variables, token);
  const map = Object.fromEntries(files.map((path, i) => [i, [path]]));
  const parts = files.map((_, i) => ({ name: String(i), filename: 'sent.txt', content: 'sent' }));
  const all = [...operationParts(query, variables, map), ...parts];
  if (token) return sendParts(origin, token, all);
  return sendParts(origin, '', all, { authorization: '' });
}

/** Sends a request of a route, with nothing but the token. */
export function sendPlain(origin: string, method: string, path: string, token: string | undefined) {
  return send(origin, { method, path, headers: token ? { authorization: `Bearer ${token}` } : {} });
}

/** Sends the operation by GET, its variables in the address. */
export function getOperation(
  origin: string,
  { query, variables }: Operation,
  token: string | undefined,
): Promise<Answer<Record<string, unknown>>> {
  const asked = new URLSearchParams({ query, variables: JSON.stringify(variables) });
  const headers = { 'apollo-require-preflight': 'true', ...(token && { authorization: `Bearer ${token}` }) };
  return send(origin, { method: 'GET', path: `/graphql?${asked}`, headers });
}
