import {
  buildClientSchema,
  type GraphQLSchema,
  getIntrospectionQuery,
  type IntrospectionQuery,
} from 'graphql';
import { type Account, gql, upload } from './client.ts';
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
  const file = (await upload(origin, owner.token, { content })).data?.uploadFile.id ?? '';
  const { id: key } = await createKey(origin, owner.token, ['FILES_READ']);
  const announce = 'mutation { createUpload(input: { originalName: "later", fileSize: 9 }) { id } }';
  const ticket = await gql<{ createUpload: { id: string } }>(origin, announce, {}, owner.token);
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
    files { nodes { id originalName description tags isPublic expiryDate updatedAt } }
    trash: files(filter: { isDeleted: true }) { totalCount }
    sessions { id }
    apiKeys { id name revokedAt }
  }`;
  const answer = await gql<unknown>(origin, query, {}, token);
  if (answer.errors.length > 0) throw new Error(answer.text);
  return answer.data;
}
