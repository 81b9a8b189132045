import {
  type DocumentNode,
  type FieldNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isListType,
  isNonNullType,
  isObjectType,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { Extensions } from 'type-graphql';

/** How many objects the list of a field holds: when no argument says it, and at the most. */
export interface ListSize {
  readonly usual: number;
  readonly most: number;
}

/** A field that gives many objects, such as `Query.files`. */
export interface ListField extends ListSize {
  readonly field: string;
}

/** The fields of a document that give many objects. */
export type ListsOf = (document: DocumentNode) => ReadonlyMap<FieldNode, ListSize>;

// Generous, so that a list that says nothing of itself is counted as too long rather than as too short.
const UNSAID = 100;
const LARGEST_PAGE = 1_000;

/** Says how many objects a list holds, where neither the default of its argument `first` nor 100 is right. */
export const Listed = (usual: number) => Extensions({ listed: usual });

/**
 * Finds the lists of documents of a schema by the types of their fields, so that no list has to be named anywhere.
 * What it found of a document is remembered as long as the document is.
 */
export function listsOf(schema: GraphQLSchema): ListsOf {
  const known = new WeakMap<DocumentNode, Map<FieldNode, ListSize>>();
  return (document) => {
    const lists = known.get(document) ?? listsIn(schema, document);
    known.set(document, lists);
    return lists;
  };
}

/** Every field of a schema that gives many objects, in the order of the schema. */
export function listFieldsOf(schema: GraphQLSchema): ListField[] {
  return Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .filter((type) => !type.name.startsWith('__'))
    .flatMap((type) =>
      Object.values(type.getFields()).flatMap((field) => {
        const size = sizeOf(field, type);
        return size ? [{ field: `${type.name}.${field.name}`, ...size }] : [];
      }),
    );
}

/** Whether an argument says how long a list is to be. */
export const saysSize = (argument: string) => argument === 'first' || argument === 'last';

function listsIn(schema: GraphQLSchema, document: DocumentNode): Map<FieldNode, ListSize> {
  const lists = new Map<FieldNode, ListSize>();
  const types = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(types, {
      Field(node) {
        const [field, parent] = [types.getFieldDef(), types.getParentType()];
        const size = field && parent && sizeOf(field, parent);
        if (size) lists.set(node, size);
      },
    }),
  );
  return lists;
}

function sizeOf(field: GraphQLField<unknown, unknown>, parent: GraphQLNamedType): ListSize | null {
  // What introspection gives is as long as the schema, whoever asks.
  if (field.name.startsWith('__') || parent.name.startsWith('__')) return null;
  const said = field.extensions.listed as number | undefined;
  const pages = field.args.filter(({ name }) => saysSize(name));
  if (pages.length > 0) {
    const standard = pages.map(({ defaultValue }) => defaultValue).find(Number.isInteger);
    return { usual: said ?? (standard as number | undefined) ?? UNSAID, most: LARGEST_PAGE };
  }
  if (said !== undefined) return { usual: said, most: said };
  // The lists of a page are as long as the page, which the field that gave it has counted.
  const many = isConnection(getNamedType(field.type)) || (holdsObjects(field.type) && !isConnection(parent));
  return many ? { usual: UNSAID, most: UNSAID } : null;
}

function holdsObjects(type: GraphQLOutputType): boolean {
  const nullable = isNonNullType(type) ? type.ofType : type;
  return isListType(nullable) && isCompositeType(getNamedType(nullable));
}

// https://relay.dev/graphql/connections.htm: "Any type whose name ends in “Connection” is considered […] a Connection Type."
function isConnection(type: GraphQLNamedType): boolean {
  return isObjectType(type) && type.name.endsWith('Connection') && 'pageInfo' in type.getFields();
}
