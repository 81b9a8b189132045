import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from './cli.ts';
import { type Account, gql, pause, register } from './client.ts';
import { createKey, type Scope } from './keys.ts';
import type { Rule } from './permission-rules.ts';
import type { RunningServer } from './server.ts';

/** Somebody who asks: their token, and the columns of the permissions of which any one lets them pass. */
export interface Asker {
  readonly who: string;
  readonly token: string | undefined;
  readonly columns: readonly string[];
  /** Whether the token works. */
  readonly isKnown: boolean;
}

const SCOPES: Readonly<Record<string, Scope>> = {
  'files:read': 'FILES_READ',
  'files:write': 'FILES_WRITE',
  'shares:write': 'SHARES_WRITE',
  'account:read': 'ACCOUNT_READ',
};
const ALL = Object.values(SCOPES);
const MOMENT_MS = 1_000;

/** Every kind of token there is, all of one account but the administrator’s. */
export async function allAskers(server: RunningServer, owner: Account): Promise<Asker[]> {
  const { origin } = server;
  const expiresAt = new Date(Date.now() + MOMENT_MS);
  const expired = await createKey(origin, owner.token, ALL, expiresAt);
  const revoked = await createKey(origin, owner.token, ALL);
  const { errors } = await gql(
    origin,
    `mutation { revokeApiKey(id: "${revoked.id}") { id } }`,
    {},
    owner.token,
  );
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  const keys = await Promise.all(
    Object.entries(SCOPES).map(async ([column, scope]) => ({
      who: `a key with ${column}`,
      token: (await createKey(origin, owner.token, [scope])).key,
      columns: [column],
      isKnown: true,
    })),
  );
  const all = await createKey(origin, owner.token, ALL);
  const admin = await newAdmin(server);
  await pause(Math.max(0, expiresAt.getTime() - Date.now()));
  const unknown = { columns: ['anonymous'], isKnown: false };
  return [
    { who: 'nobody', token: undefined, ...unknown },
    { who: 'a made-up token', token: 'garbage', ...unknown },
    { who: 'an expired key', token: expired.key, ...unknown },
    { who: 'a revoked key', token: revoked.key, ...unknown },
    ...keys,
    { who: 'a key with all scopes', token: all.key, columns: Object.keys(SCOPES), isKnown: true },
    { who: 'a session', token: owner.token, columns: ['session'], isKnown: true },
    { who: 'an administrator’s session', token: admin.token, columns: ['admin'], isKnown: true },
  ];
}

/** Whether the rule lets them pass. */
export const maySend = (rule: Rule, { columns }: Asker): boolean =>
  columns.some((column) => rule.cells[column] === 'yes');

/** Whether it is a key that works. */
export const isKey = ({ token, isKnown }: Asker): boolean => isKnown && token?.startsWith('imst_') === true;

async function newAdmin(server: RunningServer): Promise<Account> {
  const account = await register(server.origin);
  const cwd = await mkdtemp(join(tmpdir(), 'imaginary-storage-promotion-'));
  const args = ['users', 'create-admin', '--promote', '--username', account.username];
  const { code, stderr } = await runCommand(args, { env: server.env, cwd });
  await rm(cwd, { recursive: true, force: true });
  if (code !== 0) throw new Error(stderr);
  return account;
}
