import { randomBytes } from 'node:crypto';
import { asSomebody } from './hostile-requests.mjs';
import { anyAddress, oneOf, whole } from './random.mjs';

const LOGIN = 'mutation ($input: LoginInput!) { login(input: $input) { accessToken } }';
const GUESSED = ['UNAUTHENTICATED', 'RATE_LIMITED'];

const base64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function wrongToken(scene) {
  const [head, body, signature] = scene.victim.token.split('.');
  const token = oneOf([
    'x',
    `${base64({ alg: 'none', typ: 'JWT' })}.${body}.`,
    `${base64({ alg: 'RS256', typ: 'JWT' })}.${body}.${signature}`,
    `${head}.${body}.${randomBytes(32).toString('base64url')}`,
    `${head}.${base64({ sub: scene.victim.id, exp: 9e9 })}.${signature}`,
    scene.victim.refreshToken,
    `imst_${randomBytes(32).toString('hex')}`,
    'a'.repeat(6000),
  ]);
  return asSomebody(scene, async (client) => {
    if (Math.random() < 0.5) return (await client.ask('{ me { id } }', {}, token)).outcome;
    return client.answerOf(await client.send(`/files/${scene.bait.id}/content`, { token })).outcome;
  });
}

const wrongRefresh = (scene) =>
  asSomebody(
    scene,
    async (client) => {
      const refreshToken = oneOf(['x', randomBytes(48).toString('base64url'), scene.victim.token]);
      const query = 'mutation ($t: String!) { refreshToken(refreshToken: $t) { accessToken } }';
      return (await client.ask(query, { t: refreshToken })).outcome;
    },
    '127.1.0.1',
  );

const wrongCode = (scene) =>
  asSomebody(scene, async (client) => {
    const { name, password } = scene.guarded;
    const code = `${whole(0, 999_999)}`.padStart(6, '0');
    return (await client.ask(LOGIN, { input: { emailOrUsername: name, password, code } })).outcome;
  });

const guess = (client, name, headers) =>
  client.ask(LOGIN, { input: { emailOrUsername: name, password: `guess ${whole(0, 1e9)}` } }, null, headers);

// One address that says to be many: what it says must not count.
const forgedAddress = (scene) =>
  asSomebody(
    scene,
    async (client) => {
      const ip = anyAddress();
      const headers = { 'x-forwarded-for': ip, 'x-real-ip': ip, forwarded: `for=${ip}` };
      const { outcome } = await guess(client, `nobody${whole(0, 1e6)}`, headers);
      if (outcome !== 'RATE_LIMITED') scene.forged += 1;
      return scene.forged > 50 * scene.windows() ? 'not limited' : outcome;
    },
    '127.1.0.2',
  );

const loginFlood = (scene) =>
  asSomebody(
    scene,
    async (client) => {
      const name = oneOf([...scene.honest.map((each) => each.name), 'nobody']);
      const answers = await Promise.all(Array.from({ length: 8 }, () => guess(client, name)));
      return (
        answers.map(({ outcome }) => outcome).find((outcome) => !GUESSED.includes(outcome)) ??
        answers[0].outcome
      );
    },
    oneOf(['127.1.0.3', anyAddress()]),
  );

const accountFlood = (scene) =>
  asSomebody(
    scene,
    async (client) => {
      const name = `flood${randomBytes(5).toString('hex')}`;
      const input = { username: name, email: `${name}@example.org`, password: 'correct horse battery' };
      const query = 'mutation ($input: RegisterInput!) { register(input: $input) { accessToken } }';
      return (await client.ask(query, { input })).outcome;
    },
    '127.1.0.4',
  );

const fieldFlood = (scene) =>
  asSomebody(
    scene,
    async (client) => {
      const query = `{ ${Array.from({ length: 10 }, (_, n) => `a${n}: __typename`).join(' ')} }`;
      let last = 'ok';
      for (let n = 0; n < 650 && last === 'ok' && Date.now() < scene.until; n += 10) {
        const answers = await Promise.all(Array.from({ length: 10 }, () => client.ask(query)));
        last = answers.map(({ outcome }) => outcome).find((outcome) => outcome !== 'ok') ?? 'ok';
      }
      return last;
    },
    '127.1.0.5',
  );

const transferFlood = (scene) =>
  asSomebody(
    scene,
    async (client) => {
      let last = 'NOT_FOUND';
      for (let n = 0; n < 6500 && last === 'NOT_FOUND' && Date.now() < scene.until; n += 16) {
        const sent = () => client.send(`/files/${'0'.repeat(24)}/content`);
        const answers = await Promise.all(Array.from({ length: 16 }, sent));
        const outcomes = answers.map((answer) => client.answerOf(answer).outcome);
        last = outcomes.find((outcome) => outcome !== 'NOT_FOUND') ?? last;
      }
      return last;
    },
    '127.1.0.6',
  );

/** What is tried against accounts, and floods. */
export const GUESSES = {
  'wrong token': { run: wrongToken, expected: ['UNAUTHENTICATED'] },
  'wrong refresh token': { run: wrongRefresh, expected: GUESSED },
  'wrong code': { run: wrongCode, expected: GUESSED },
  'forged address': { run: forgedAddress, expected: GUESSED },
  'flood of logins': { run: loginFlood, expected: GUESSED },
  'flood of accounts': { run: accountFlood, expected: ['ok', 'RATE_LIMITED', 'CONFLICT'] },
  'flood of fields': { run: fieldFlood, expected: ['ok', 'RATE_LIMITED'] },
  'flood of transfers': { run: transferFlood, expected: ['NOT_FOUND', 'RATE_LIMITED'] },
};
