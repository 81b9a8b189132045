import { GraphQLScalarType } from 'graphql';
import { GraphQLDateTime, GraphQLJSONObject, GraphQLSafeInt } from 'graphql-scalars';

const renamed = (scalar: GraphQLScalarType, name: string, description: string) =>
  new GraphQLScalarType({ ...scalar.toConfig(), name, description });

/** RFC 3339 date and time in UTC. */
export const DateTime = renamed(
  GraphQLDateTime,
  'DateTime',
  'A moment as RFC 3339 text in UTC, such as `2026-01-31T12:00:00.000Z`.',
);

/** A whole number up to 2^53-1; byte counts never travel as Int, which ends at 2 GiB. */
export const SafeInt = renamed(
  GraphQLSafeInt,
  'SafeInt',
  'A whole number from -(2^53-1) to 2^53-1. Byte counts use it, since `Int` ends at 2 GiB.',
);

/** A JSON object, for facts whose shape depends on the kind of file. */
export const JSONObject = renamed(GraphQLJSONObject, 'JSONObject', 'A JSON object of any shape.');
