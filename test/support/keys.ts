import { gql } from './client.ts';

/** A scope as GraphQL names it. */
export type Scope = 'FILES_READ' | 'FILES_WRITE' | 'SHARES_WRITE' | 'ACCOUNT_READ';

/** An API key that a test made, and its secret. */
export interface MadeKey {
  readonly id: string;
  readonly key: string;
}

/** Makes an API key for the account of this access token. */
export async function createKey(
  origin: string,
  token: string,
  scopes: readonly Scope[],
  expiresAt?: Date,
): Promise<MadeKey> {
  const answer = await gql<{ createApiKey: { key: string; apiKey: { id: string } } }>(
    origin,
    'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { key apiKey { id } } }',
    { input: { name: scopes.join(' '), scopes, expiresAt } },
    token,
  );
  if (!answer.data) throw new Error(answer.text);
  const { key, apiKey } = answer.data.createApiKey;
  return { id: apiKey.id, key };
}
