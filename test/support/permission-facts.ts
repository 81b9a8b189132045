import {
  buildClientSchema,
  type GraphQLSchema,
  getIntrospectionQuery,
  type IntrospectionQuery,
} from 'graphql';
import { type Account, gql, operationParts, sendParts, upload } from './client.ts';
import { createKey } from './keys.ts';
import type { Facts } from './plausible-operations.ts';

/** The schema that the server tells of itself. */
export async function introspected(origin: string): Promise<GraphQLSchema> {
  const { data, text } = await gql<IntrospectionQuery>(origin, getIntrospectionQuery());
  if (!data) throw new Error(text);
  return buildClientSchema(data);
}

/** Arguments with which an operation would do something to the owner’s things or to the victim, were it let. */
export async function realFacts(
  origin: string,
  owner: Account,
  victim: Account,
  content: string,
): Promise<Facts> {
  const earlier = { content: 'what was there before' };
  const file = (await upload(origin, owner.token, earlier)).data?.uploadFile.id ?? '';
  const over = 'mutation ($id: ID!, $file: Upload!) { uploadVersion(fileId: $id, file: $file) { id } }';
  const fields = operationParts(over, { id: file, file: null }, { 0: ['variables.file'] });
  const version = await sendParts(origin, owner.token, [...fields, { name: '0', filename: 'x', content }]);
  if (version.errors.length > 0) throw new Error(version.text);
  const { id: key } = await createKey(origin, owner.token, ['FILES_READ']);
  const make = 'mutation { createFolder(input: { name: "kept" }) { id } }';
  const folder = await gql<{ createFolder: { id: string } }>(origin, make, {}, owner.token);
  const announce = 'mutation { createUpload(input: { originalName: "later", fileSize: 9 }) { id } }';
  const ticket = await gql<{ createUpload: { id: string } }>(origin, announce, {}, owner.token);
  const share = `mutation { shareFile(fileId: "${file}") { id } }`;
  const link = await gql<{ shareFile: { id: string } }>(origin, share, {}, owner.token);
  const ask = `mutation { requestUploads(folderId: "${folder.data?.createFolder.id}") { id } }`;
  const request = await gql<{ requestUploads: { id: string } }>(origin, ask, {}, owner.token);
  const sessions = await gql<{ sessions: { id: string }[] }>(origin, '{ sessions { id } }', {}, owner.token);
  const texts: Record<string, string> = {
    password: owner.password,
    oldPassword: owner.password,
    newPassword: 'quite another password',
    emailOrUsername: owner.username,
    email: 'someone@example.org',
    username: 'someone_else',
  };
  const ids: [RegExp, string | undefined][] = [
    [/UploadRequest$/, request.data?.requestUploads.id],
    [/Share$/, link.data?.shareFile.id],
    [/folder|^requestUploads$/i, folder.data?.createFolder.id],
    [/session/i, sessions.data?.sessions[0]?.id],
    [/apikey/i, key],
    [/^(complete|cancel)Upload/, ticket.data?.createUpload.id],
    [/user/i, victim.id],
    [/./, file],
  ];
  return {
    everything: true,
    id: (field) => ids.find(([pattern]) => pattern.test(field))?.[1] ?? '',
    text: (argument) => texts[argument] ?? 'text',
  };
}

/** Arguments of the right types that mean nothing, so that what is let pass neither harms nor hashes. */
export const HARMLESS: Facts = { everything: false, id: () => '0'.repeat(24), text: () => 'x'.repeat(1_000) };

/** All that operations could change of an account, as it sees it. */
export async function stateOf(origin: string, { token }: Account): Promise<unknown> {
  const query = `{
    me {
      username firstName lastName role isActive isEmailVerified updatedAt avatarUrl
      usage { usedBytes quotaBytes fileCount }
    }
    files {
      nodes {
        id originalName description tags isPublic expiryDate updatedAt access { canView }
        grants { nodes { id permission } }
        versions { id }
      }
    }
    shares { nodes { id revokedAt note maxDownloads } }
    uploadRequests { nodes { id revokedAt note maxFiles } }
    webhooks { id }
    sharedWithMe { nodes { id permission } }
    trash: files(filter: { isDeleted: true }) { totalCount }
    sessions { id }
    apiKeys { id name revokedAt }
  }`;
  const answer = await gql<unknown>(origin, query, {}, token);
  if (answer.errors.length > 0) throw new Error(answer.text);
  return answer.data;
}
