import {
  defaultFieldResolver,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLSchema,
  isObjectType,
} from 'graphql';
import { Extensions } from 'type-graphql';
import { type Need, requireNeed } from '../services/access.ts';
import type { Context } from './context.ts';

/** What a field needs; `inherited` is for one that whoever sees its object may see. */
export type FieldNeed = Need | 'inherited';

/** Says what a query, a mutation or a field with a resolver of its own needs of whoever asks for it. */
export const Needs = (need: FieldNeed) => Extensions({ needs: need });

/** A field and what it needs, such as `Query.files` and `files:read`. */
export interface Permission {
  readonly field: string;
  readonly need: FieldNeed;
}

/**
 * Makes every field hold what it needs before its resolver runs, and before it is subscribed to. Throws, naming them,
 * when fields of the root types or fields with a resolver of their own do not say what they need.
 */
export function guard(schema: GraphQLSchema): GraphQLSchema {
  const missing: string[] = [];
  const roots = new Set(rootsOf(schema).map(({ name }) => name));
  for (const { name, field } of guardedFields(schema)) {
    const need = needOf(field);
    // A root has nothing to inherit from.
    const isRoot = roots.has(name.slice(0, name.indexOf('.')));
    if (need === undefined || (isRoot && need === 'inherited')) missing.push(name);
    else if (need !== 'inherited') {
      field.resolve = guarded(need, field.resolve ?? defaultFieldResolver);
      if (field.subscribe) field.subscribe = guarded(need, field.subscribe);
    }
  }
  if (missing.length > 0) throw new Error(`These fields need a rule, by @Needs(…): ${missing.join(', ')}`);
  return schema;
}

/** What every guarded field needs, in the order of the schema. */
export function permissionsOf(schema: GraphQLSchema): Permission[] {
  return guardedFields(schema).map(({ name, field }) => ({
    field: name,
    need: needOf(field) ?? 'inherited',
  }));
}

type Field = GraphQLField<unknown, Context>;

const rootsOf = (schema: GraphQLSchema) =>
  [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].filter((type) => !!type);

function guardedFields(schema: GraphQLSchema): { name: string; field: Field }[] {
  const roots = new Set(rootsOf(schema));
  return Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .filter((type) => !type.name.startsWith('__'))
    .flatMap((type) =>
      (Object.values(type.getFields()) as Field[])
        // A simple field gives what its object holds, which whoever got the object may see, unless it says otherwise.
        .filter((field) => roots.has(type) || field.resolve !== undefined || needOf(field) !== undefined)
        .map((field) => ({ name: `${type.name}.${field.name}`, field })),
    );
}

const needOf = (field: Field) => field.extensions.needs as FieldNeed | undefined;

function guarded(need: Need, resolve: GraphQLFieldResolver<unknown, Context>): typeof resolve {
  return (root, args, context, info) => {
    requireNeed(context.viewer, need);
    return resolve(root, args, context, info);
  };
}
