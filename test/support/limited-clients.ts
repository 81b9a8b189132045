import { randomBytes } from 'node:crypto';
import { type Answer, type Failure, send } from './client.ts';

/** An error of a limit says when to come again. */
export interface Refusal extends Failure {
  readonly extensions: Failure['extensions'] & { readonly retryAfter?: number };
}

/** The password of every account made here. */
export const PASSWORD = 'correct horse battery';

const REGISTER = 'mutation ($input: RegisterInput!) { register(input: $input) { accessToken user { id } } }';
const LOGIN = 'mutation ($input: LoginInput!) { login(input: $input) { accessToken } }';

/** Runs an operation that a proxy says it got from this address. */
export function from<T = Record<string, unknown>>(
  origin: string,
  address: string,
  query: string,
  { variables = {}, token }: { variables?: object; token?: string } = {},
): Promise<Answer<T>> {
  return send<T>(origin, {
    headers: {
      'content-type': 'application/json',
      'x-forwarded-for': address,
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
}

/** A name that no account has. */
export const newName = () => `user_${randomBytes(6).toString('hex')}`;

/** Registers an account from an address. */
export function registerFrom(origin: string, address: string, username = newName()) {
  const input = { username, email: `${username}@example.org`, password: PASSWORD };
  return from<{ register: { accessToken: string } }>(origin, address, REGISTER, { variables: { input } });
}

/** Tries to log in from an address. */
export function loginFrom(origin: string, address: string, emailOrUsername: string, password = PASSWORD) {
  return from(origin, address, LOGIN, { variables: { input: { emailOrUsername, password } } });
}

/** The codes of an answer’s errors; none where it has data. */
export const codesOf = ({ errors }: Pick<Answer, 'errors'>) =>
  errors.map(({ extensions }) => extensions.code);

/** After how many seconds the first error lets somebody come again. */
export const retryAfterOf = ({ errors }: Pick<Answer, 'errors'>) =>
  (errors[0] as Refusal | undefined)?.extensions.retryAfter ?? 0;
