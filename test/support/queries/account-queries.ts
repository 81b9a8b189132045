import type { Wired } from '../../../src/app/services.ts';
import { Scope } from '../../../src/models/api-key.ts';
import type { Viewer } from '../../../src/services/viewer.ts';

const CLIENT = { ip: null, userAgent: null };
const PASSWORD = 'correct horse';

/** Asks everything of the database that accounts, sessions and API keys ask; an account is made for it, and deleted. */
export async function askAccounts({ services }: Wired, viewer: Viewer): Promise<void> {
  const { accounts, sessions, apiKeys, authentication } = services;
  const input = { username: 'other', email: 'other@example.org', password: PASSWORD };
  await accounts.register(input, CLIENT);
  await accounts.register(input, CLIENT).catch(() => undefined);
  const { tokens } = await accounts.login({ emailOrUsername: 'OTHER', password: PASSWORD }, CLIENT);
  await accounts.login({ emailOrUsername: 'other@example.org', password: PASSWORD }, CLIENT);
  const other = await sessions.authenticate(tokens.accessToken);

  const { key, apiKey } = await apiKeys.create(other, { name: 'script', scopes: [Scope.FILES_READ] });
  await authentication.authenticate(key);
  await apiKeys.list(other.userId);
  await apiKeys.revoke(other, apiKey.id);
  await apiKeys.revoke(other, apiKey.id);
  await apiKeys.revokeAll(other.userId);

  await accounts.refresh(tokens.refreshToken);
  await accounts.refresh(tokens.refreshToken).catch(() => undefined);
  await sessions.list(other.userId);
  await sessions.revoke(other, String(other.sessionId)).catch(() => undefined);
  await accounts.updateProfile(other, { firstName: 'O' });
  await accounts.usage(other.userId);
  await accounts.findMany([String(other.userId), String(viewer.userId)]);
  await accounts.changePassword(other, PASSWORD, `${PASSWORD}!`);
  await accounts.logout(other);
  await accounts.deleteAccount(other, `${PASSWORD}!`);
  await accounts.deactivate(other.userId);
}
