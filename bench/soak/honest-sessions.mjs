import { randomBytes } from 'node:crypto';
import { Account } from './honest-account.mjs';
import { upload } from './honest-files.mjs';
import { anyAddress } from './random.mjs';

/** Logs in once more, uses the session, refreshes it and logs out; the ended token must not pass. */
export async function session(account) {
  const opened = await account.login();
  if (!opened) return;
  await account.must('me', '{ me { username } }', {}, opened.accessToken);
  await account.must('logout', 'mutation { logout }', {}, opened.accessToken);
  const { outcome } = await account.client.ask('{ me { username } }', {}, opened.accessToken);
  account.tally.note('token after logout', outcome, ['UNAUTHENTICATED']);
}

/** Makes an API key, uses it within its scope and beyond, and revokes it. */
export async function apiKey(account) {
  const create = `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { key apiKey { id } } }`;
  const made = await account.must('key: create', create, { input: { name: 'soak', scopes: ['FILES_READ'] } });
  if (!made) return;
  const { key, apiKey } = made.createApiKey;
  await account.must('key: list', '{ files(first: 5) { totalCount } }', {}, key);
  const beyond = await account.client.ask('mutation { emptyTrash }', {}, key);
  account.tally.note('key: beyond its scope', beyond.outcome, ['FORBIDDEN']);
  await account.must('key: revoke', 'mutation ($id: ID!) { revokeApiKey(id: $id) { id } }', {
    id: apiKey.id,
  });
  const ended = await account.client.ask('{ files(first: 5) { totalCount } }', {}, key);
  account.tally.note('key: revoked', ended.outcome, ['UNAUTHENTICATED']);
}

/** Runs some operations over one WebSocket. */
export async function socket(account) {
  const url = `${account.client.url.origin.replace('http', 'ws')}/graphql`;
  const outcome = await overSocket(url, account.token, 5).catch((error) => error.message);
  account.tally.note('websocket', outcome, ['ok']);
}

function overSocket(url, token, operations) {
  const socket = new WebSocket(url, 'graphql-transport-ws');
  const say = (message) => socket.send(JSON.stringify(message));
  const query = '{ files(first: 5) { totalCount } }';
  let left = operations;
  const done = new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer within 20 s')), 20_000);
    socket.onopen = () => say({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } });
    socket.onerror = () => reject(new Error('it broke'));
    socket.onclose = ({ code }) => {
      clearTimeout(timer);
      reject(new Error(`closed with ${code}`));
    };
    socket.onmessage = ({ data }) => {
      const { type, payload } = JSON.parse(data);
      if (type === 'connection_ack') {
        for (let id = 1; id <= operations; id += 1)
          say({ id: `${id}`, type: 'subscribe', payload: { query } });
      } else if (type === 'ping') say({ type: 'pong' });
      else if (type === 'error' || payload?.errors) reject(new Error(data));
      else if (type === 'complete' && --left === 0) resolve('ok');
    };
  });
  return done.finally(() => socket.close());
}

/** A whole life: an account registers, uploads, and is deleted; nothing of it works afterwards. */
export async function life(account) {
  const name = `life${randomBytes(6).toString('hex')}`;
  const other = new Account(account.client.url.origin, name, account.tally, anyAddress());
  try {
    await other.register();
    if (!other.token) return;
    await upload(other);
    const remove = 'mutation ($password: String!) { deleteAccount(password: $password) }';
    await other.must('delete account', remove, { password: other.password });
    const { outcome } = await other.client.ask('{ me { username } }', {}, other.token);
    account.tally.note('token after deletion', outcome, ['UNAUTHENTICATED']);
  } finally {
    other.client.close();
  }
}
