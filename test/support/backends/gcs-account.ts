import { sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';

const SCOPE = 'https://www.googleapis.com/auth/devstorage.full_control';

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** What the file of a service account’s key says. */
export interface ServiceAccount {
  readonly client_email: string;
  readonly private_key: string;
  readonly token_uri: string;
}

/** Reads the file of a service account’s key. */
export async function readAccount(file: string): Promise<ServiceAccount> {
  return JSON.parse(await readFile(file, 'utf8'));
}

/** The assertion by which a service account asks for a token (RFC 7523); `changes` go over its claims. */
export function assertionOf(account: ServiceAccount, changes: object = {}): string {
  const now = Math.floor(Date.now() / 1_000);
  const { client_email: iss, token_uri: aud } = account;
  const claims = { iss, aud, scope: SCOPE, iat: now, exp: now + 3_600, ...changes };
  const words = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}`;
  return `${words}.${sign('RSA-SHA256', Buffer.from(words), account.private_key).toString('base64url')}`;
}

/** Asks for a token; the server’s whole answer. */
export function askForToken({ token_uri }: ServiceAccount, assertion: string): Promise<Response> {
  const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  return fetch(token_uri, { method: 'POST', body: new URLSearchParams({ grant_type, assertion }) });
}

/** A token of the service account. */
export async function tokenOf(account: ServiceAccount): Promise<string> {
  const answer = await askForToken(account, assertionOf(account));
  if (!answer.ok) throw new Error(await answer.text());
  const { access_token } = (await answer.json()) as { access_token: string };
  return access_token;
}
