import { expect } from 'vitest';
import { runCommand } from './cli.ts';
import { type Answer, gql } from './client.ts';
import type { RunningServer } from './server.ts';

/** A session as a login answers it. */
export interface Login {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly user: { readonly id: string; readonly role: string; readonly isActive: boolean };
}

/** The password of the administrator. */
export const PASSWORD = 'correct horse battery';
/** Logs in. */
export const LOGIN = `mutation ($input: LoginInput!) {
  login(input: $input) { accessToken refreshToken user { id username role isActive lastLogin } }
}`;
/** Sets a role. */
export const SET_ROLE = 'mutation ($id: ID!, $role: Role!) { setUserRole(id: $id, role: $role) { id role } }';
/** Shuts an account out or lets it in. */
export const SET_ACTIVE =
  'mutation ($id: ID!, $isActive: Boolean!) { setUserActive(id: $id, isActive: $isActive) { id isActive } }';

/** Opens a session that must be given. */
export async function login(origin: string, username: string, password = PASSWORD): Promise<Login> {
  const input = { emailOrUsername: username, password };
  const { data, text } = await gql<{ login: Login }>(origin, LOGIN, { input });
  if (!data) throw new Error(text);
  return data.login;
}

/** Makes the account `root` an administrator by the command line, or makes it, and opens a session of it. */
export async function rootOf(server: RunningServer, how: 'made' | 'promoted' = 'made'): Promise<Login> {
  const email = ['--email', 'root@example.org'];
  const args = ['users', 'create-admin', '--username', 'root', ...(how === 'made' ? email : ['--promote'])];
  const run = await runCommand(args, { env: server.env, input: PASSWORD, cwd: server.dataPath });
  expect(run).toMatchObject({ code: 0, stderr: '' });
  return login(server.origin, 'root');
}

/** The code of an answer’s first error; undefined without one. */
export const codeOf = ({ errors }: Pick<Answer, 'errors'>) => errors[0]?.extensions.code;
