import 'reflect-metadata';
import type { GraphQLObjectType, GraphQLSchema } from 'graphql';
import { GraphQLUpload } from 'graphql-upload-ts';
import { buildSchema } from 'type-graphql';
import { AccountResolver, StorageUsageResolver } from './account-resolver.ts';
import { DirectUploadResolver } from './direct-upload-resolver.ts';
import { FileResolver } from './file-resolver.ts';
import { guard } from './permissions.ts';
import { SessionResolver } from './session-resolver.ts';
import { UploadResolver } from './upload-resolver.ts';

/** The API’s schema, built from the classes; each of its fields holds what it needs. */
export async function createSchema(): Promise<GraphQLSchema> {
  // The package’s own words would be the only undocumented-looking ones in the schema.
  GraphQLUpload.description =
    'A file, sent by the GraphQL multipart request specification: https://github.com/jaydenseric/graphql-multipart-request-spec.';
  const schema = await buildSchema({
    resolvers: [
      AccountResolver,
      StorageUsageResolver,
      SessionResolver,
      FileResolver,
      UploadResolver,
      DirectUploadResolver,
    ],
    validate: { validationError: { target: false, value: false }, forbidUnknownValues: false },
  });
  describe(schema.getQueryType(), 'What can be read.');
  describe(
    schema.getMutationType(),
    'What can be changed; the fields of one operation run one after another.',
  );
  return guard(schema);
}

// TypeGraphQL makes the root types itself and has no place for their descriptions.
function describe(type: GraphQLObjectType | null | undefined, description: string): void {
  if (type) type.description = description;
}
