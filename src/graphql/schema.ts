import 'reflect-metadata';
import type { GraphQLObjectType, GraphQLSchema } from 'graphql';
import { GraphQLUpload } from 'graphql-upload-ts';
import { buildSchema, type PubSub } from 'type-graphql';
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
import { ArchiveResolver } from './files/archive-resolver.ts';
import { BulkResolver } from './files/bulk-resolver.ts';
import { DirectUploadResolver } from './files/direct-upload-resolver.ts';
import { FileResolver } from './files/file-resolver.ts';
import { UploadResolver } from './files/upload-resolver.ts';
import { FileFolderResolver } from './folders/file-folder-resolver.ts';
import { FolderFieldsResolver } from './folders/folder-fields-resolver.ts';
import { FolderResolver } from './folders/folder-resolver.ts';
import { FileChangeResolver } from './live/file-change-resolver.ts';
import { UploadProgressResolver } from './live/upload-progress-resolver.ts';
import { guard } from './permissions.ts';
import { FileGrantsResolver, FolderGrantsResolver } from './sharing/grant-fields-resolver.ts';
import { GrantResolver } from './sharing/grant-resolver.ts';
import { ShareLinkResolver } from './sharing/link-resolver.ts';
import { LinkVisitResolver } from './sharing/link-visit-resolver.ts';
import { UploadRequestResolver } from './sharing/upload-request-resolver.ts';
import { CopyResolver } from './versions/copy-resolver.ts';
import { FileVersionResolver, FileVersionsResolver, VersionResolver } from './versions/version-resolver.ts';
import { WebhookResolver } from './webhooks/webhook-resolver.ts';

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
      VersionResolver,
      FileVersionResolver,
      FileVersionsResolver,
      CopyResolver,
      ShareLinkResolver,
      LinkVisitResolver,
      UploadRequestResolver,
      BulkResolver,
      ArchiveResolver,
      DirectUploadResolver,
      FolderResolver,
      FolderFieldsResolver,
      FileFolderResolver,
      FileChangeResolver,
      UploadProgressResolver,
      QuarantineResolver,
      WebhookResolver,
      AdminResolver,
      AuditEventResolver,
      LargestAccountResolver,
      GrantResolver,
      FileGrantsResolver,
      FolderGrantsResolver,
    ],
    validate: { validationError: { target: false, value: false }, forbidUnknownValues: false },
    pubSub: NO_TOPICS,
  });
  describe(schema.getQueryType(), 'What can be read.');
  describe(
    schema.getMutationType(),
    'What can be changed; the fields of one operation run one after another.',
  );
  describe(
    schema.getSubscriptionType(),
    'What can be heard of as it happens, over a WebSocket; one field in an operation.',
  );
  return guard(schema);
}

// TypeGraphQL wants one where there are subscriptions, also where each of them has a source of its own.
const NO_TOPICS: PubSub = {
  publish: () => undefined,
  subscribe() {
    throw new Error('No subscription here has a topic.');
  },
};

// TypeGraphQL makes the root types itself and has no place for their descriptions.
function describe(type: GraphQLObjectType | null | undefined, description: string): void {
  if (type) type.description = description;
}
