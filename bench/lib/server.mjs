import { join } from 'node:path';

const REGISTER = `mutation Register($input: RegisterInput!) {
  register(input: $input) { accessToken user { id } }
}`;
const ACCOUNT = { username: 'bench', email: 'bench@example.org', password: 'correct horse battery' };

/**
 * The service, ready, with one account.
 * @typedef {object} Started
 * @property {number} pid
 * @property {string} origin such as `http://127.0.0.1:1234`
 * @property {string} token the account's access token
 * @property {string} userId the account's id
 * @property {string} database the address of its database
 * @property {string} blobs the folder of the stored contents
 * @property {() => Promise<void>} stop
 */

/**
 * Starts the built service on a free port and registers an account.
 * @param {{ run: Function, folder: string, database: string, variables: object }} parts
 * @returns {Promise<Started>}
 */
export async function startServer({ run, folder, database, variables }) {
  const blobs = join(folder, 'blobs');
  const { pid, match, stop } = await run(
    [],
    {
      HOST: '127.0.0.1',
      PORT: '0',
      LOG_LEVEL: 'warn',
      DATA_PATH: folder,
      UPLOAD_PATH: blobs,
      MONGODB_URI: database,
      SHUTDOWN_GRACE_SECONDS: '1',
      // Counted as ever, but for more than a bench can spend.
      RATE_LIMITS: 'api=100000000/60,uploads=100000000/60,transfers=100000000/60',
      ...variables,
    },
    /imaginaryStorage is ready: .*(http:\/\/127\.0\.0\.1:\d+)/,
  );
  const origin = match[1];
  try {
    const { register } = await ask(origin, REGISTER, { input: ACCOUNT });
    return { pid, origin, token: register.accessToken, userId: register.user.id, blobs, database, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ask(origin, query, variables) {
  const response = await fetch(`${origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(`The server refused: ${JSON.stringify(errors)}`);
  return data;
}
