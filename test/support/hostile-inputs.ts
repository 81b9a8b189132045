import {
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';
import type { RootField } from './plausible-operations.ts';

/** A place in the arguments of a root field: of a value that is no object of ours, or of an object. */
export interface InputPlace {
  readonly kind: 'value' | 'object';
  /** Names of fields, and 0 for the first entry of a list, beginning with the argument. */
  readonly path: readonly (string | number)[];
}

/** Every place in the arguments of the field, by the types of the schema. */
export function placesOf({ field }: RootField): InputPlace[] {
  return field.args.flatMap(({ name, type }) => within(type, [name]));
}

function within(type: GraphQLInputType, path: readonly (string | number)[]): InputPlace[] {
  if (isNonNullType(type)) return within(type.ofType, path);
  if (isListType(type)) return within(type.ofType, [...path, 0]);
  if (!isInputObjectType(type)) return [{ kind: 'value', path }];
  const inner = Object.values(type.getFields()).flatMap((each) => within(each.type, [...path, each.name]));
  return [{ kind: 'object', path }, ...inner];
}

/** The variables with another value at the place; what is on the way there must be there already. */
export function variablesWith<T extends object>(variables: T, path: InputPlace['path'], value: unknown): T {
  const changed = structuredClone(variables);
  const last = path.at(-1) as string;
  const parent = path.slice(0, -1).reduce<unknown>((at, key) => (at as never)[key], changed);
  (parent as Record<string, unknown>)[last] = value;
  return changed;
}

/** The names that the object at this place has by the schema. */
export function declaredAt(schema: GraphQLSchema, { field }: RootField, path: InputPlace['path']): string[] {
  const [name, ...rest] = path;
  let type: GraphQLInputType | undefined = field.args.find((argument) => argument.name === name)?.type;
  for (const key of rest) {
    if (key === 0) continue;
    const object = type && schema.getType(getNamedType(type).name);
    type = isInputObjectType(object) ? object.getFields()[key]?.type : undefined;
  }
  const object = type && getNamedType(type);
  return isInputObjectType(object) ? Object.keys(object.getFields()) : [];
}
