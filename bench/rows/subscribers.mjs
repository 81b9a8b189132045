import { median, residentBytes } from '../lib/measure.mjs';
import { bounded } from '../lib/report.mjs';

const SUBSCRIBERS = 1_000;
const ACCOUNTS = 50;
const SETTLE_MS = 3_000;
const KIB = 1024;
const REGISTER = 'mutation ($input: RegisterInput!) { register(input: $input) { accessToken user { id } } }';
const GRANT =
  'mutation ($fileId: ID!, $userId: ID!) { grantAccess(input: { fileId: $fileId, userId: $userId, permission: VIEW }) { id } }';
const RENAME =
  'mutation ($id: ID!, $name: String!) { updateFile(id: $id, input: { originalName: $name }) { id } }';

/** (subscribers) 1,000 sockets of 50 accounts that a file is shared with: memory of each, and how soon all are told. */
export async function subscribers(scope, { rounds }) {
  const server = await scope.server({
    RATE_LIMITS: 'register=off,login-address=off,api=off,uploads=off,sharing=off',
  });
  const bare = scope.helper('baseline/broadcast.mjs');
  const { origin } = await bare.ask({ kind: 'serve' });
  const client = scope.helper('client/subscribers.mjs');
  const { fileId, tokens } = await shared(server);
  const rename = (name) => ask(server.origin, server.token, RENAME, { id: fileId, name });

  const theirs = await told(
    scope,
    client,
    { pid: bare.pid, url: origin.replace('http', 'ws'), rounds },
    (i) =>
      bare.ask({
        kind: 'tell',
        text: JSON.stringify({ id: '1', type: 'next', payload: { i, pad: 'x'.repeat(120) } }),
      }),
  );
  const url = `${server.origin.replace('http', 'ws')}/graphql`;
  const ours = await told(scope, client, { pid: server.pid, url, tokens, rounds }, async (i) => {
    await rename(`name ${i}`);
    return Date.now();
  });
  const line = (what, unit, value, most, base) =>
    bounded({
      row: 'subscribers',
      what,
      unit,
      ours: value,
      most,
      details: { ours, theirs, ratio: value / base },
    });
  return [
    line('memory of one subscriber', 'KiB', ours.memory / KIB, 64, theirs.memory / KIB),
    line(`bare ws: memory of one socket`, 'KiB', theirs.memory / KIB, 64, theirs.memory / KIB),
    line('from the answer to the last of 1,000', 'ms', median(ours.times), 1_000, median(theirs.times)),
    line('bare ws: to the last of 1,000', 'ms', median(theirs.times), 1_000, median(theirs.times)),
  ];
}

async function told(scope, client, { pid, url, tokens, rounds }, tell) {
  const before = (await residentBytes(pid)).now;
  await client.ask({ kind: 'open', url, tokens, count: SUBSCRIBERS });
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const memory = ((await residentBytes(pid)).now - before) / SUBSCRIBERS;
  const times = [];
  for (let i = 0; i < rounds; i += 1) {
    await client.ask({ kind: 'expect' });
    const from = await tell(i);
    times.push(Math.max(0, (await client.ask({ kind: 'told' })).last - from));
  }
  await client.ask({ kind: 'close' });
  scope.say(`${url}: ${Math.round(memory / KIB)} KiB each, ${times.join(', ')} ms`);
  return { memory, times };
}

/** A file, and the tokens of accounts that it is shared with. */
async function shared({ origin, token }) {
  const body = new FormData();
  const query = 'mutation ($file: Upload!) { uploadFile(file: $file) { id } }';
  body.append('operations', JSON.stringify({ query, variables: { file: null } }));
  body.append('map', '{ "0": ["variables.file"] }');
  body.append('0', new File(['shared'], 'shared.txt'));
  const headers = { authorization: `Bearer ${token}`, 'apollo-require-preflight': 'true' };
  const { data } = await (await fetch(`${origin}/graphql`, { method: 'POST', headers, body })).json();
  const fileId = data.uploadFile.id;
  const tokens = [];
  for (let i = 0; i < ACCOUNTS; i += 1) {
    const input = {
      username: `bench_${i}`,
      email: `bench_${i}@example.org`,
      password: 'correct horse battery',
    };
    const { register } = await ask(origin, token, REGISTER, { input });
    tokens.push(register.accessToken);
    await ask(origin, token, GRANT, { fileId, userId: register.user.id });
  }
  return { fileId, tokens };
}

async function ask(origin, token, query, variables) {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const body = JSON.stringify({ query, variables });
  const { data, errors } = await (await fetch(`${origin}/graphql`, { method: 'POST', headers, body })).json();
  if (errors) throw new Error(`The server refused: ${JSON.stringify(errors)}`);
  return data;
}
