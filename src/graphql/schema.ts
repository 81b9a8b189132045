import 'reflect-metadata';
import type { GraphQLObjectType, GraphQLSchema } from 'graphql';
import { GraphQLUpload } from 'graphql-upload-ts';
import { buildSchema } from 'type-graphql';
import { AccountResolver, StorageUsageResolver } from './accounts/account-resolver.ts';
import { ApiKeyResolver } from './accounts/api-key-resolver.ts';
import { AvatarResolver } from './accounts/avatar-resolver.ts';
import { DataExportResolver } from './accounts/data-export-resolver.ts';
import { MailResolver } from './accounts/mail-resolver.ts';
import { PrivateFactsResolver } from './accounts/private-facts-resolver.ts';
import { SecondFactorResolver } from './accounts/second-factor-resolver.ts';
import { SessionResolver } from './accounts/session-resolver.ts';
import { AdminResolver, AuditEventResolver, LargestAccountResolver } from './admin/admin-resolver.ts';
import { QuarantineResolver } from './admin/quarantine-resolver.ts';
import { DirectUploadResolver } from './files/direct-upload-resolver.ts';
import { FileResolver } from './files/file-resolver.ts';
import { UploadResolver } from './files/upload-resolver.ts';
import { guard } from './permissions.ts';

/** The API’s schema, built from the classes; each of its fields holds what it needs. */
export async function createSchema(): Promise<GraphQLSchema> {
  // The package’s own words would be the only undocumented-looking ones in the schema.
  GraphQLUpload.description =
    'A file, sent by the GraphQL multipart request specification: https://github.com/jaydenseric/graphql-multipart-request-spec.';
  const schema = await buildSchema({
    resolvers: [
      AccountResolver,
      StorageUsageResolver,
      PrivateFactsResolver,
      SessionResolver,
      SecondFactorResolver,
      AvatarResolver,
      DataExportResolver,
      MailResolver,
      ApiKeyResolver,
      FileResolver,
      UploadResolver,
      DirectUploadResolver,
      QuarantineResolver,
      AdminResolver,
      AuditEventResolver,
      LargestAccountResolver,
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
