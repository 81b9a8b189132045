import { afterEach, expect, it, vi } from 'vitest';
import { gql, pause, register, send } from '../../support/client.ts';
import { type RunningServer, type ServerEnvironment, startServer } from '../../support/server.ts';
import { type MailServer, type Manner, startMailServer, tokenOf } from '../../support/smtp.ts';

const VERIFY = 'mutation ($token: String!) { verifyEmail(token: $token) { isEmailVerified } }';

// Each starts servers and waits for tries that are seconds apart.
vi.setConfig({ testTimeout: 120_000 });

const open: { server: RunningServer[]; mail: MailServer[] } = { server: [], mail: [] };
afterEach(async () => {
  await Promise.all(open.server.splice(0).map((server) => server.stop()));
  await Promise.all(open.mail.splice(0).map((mail) => mail.close()));
});

async function mailServer(port?: number, manner?: Manner): Promise<MailServer> {
  const mail = await startMailServer(port, manner);
  open.mail.push(mail);
  return mail;
}

async function start(env: ServerEnvironment): Promise<RunningServer> {
  const server = await startServer(env);
  open.server.push(server);
  return server;
}

async function expectToken(server: RunningServer, mail: MailServer, address: string): Promise<void> {
  const token = tokenOf(await mail.mailTo(address));
  const answer = await gql<{ verifyEmail: object }>(server.origin, VERIFY, { token });
  expect(answer.data?.verifyEmail).toEqual({ isEmailVerified: true });
}

it('a mail whose server is down when it is written arrives once the server is up', async () => {
  const before = await mailServer();
  const { env, port } = before;
  await before.close();
  const server = await start(env);
  const ann = await register(server.origin);
  await expect.poll(() => server.log(), { timeout: 10_000 }).toContain('a mail could not be sent');
  const mail = await mailServer(port);
  await expectToken(server, mail, `${ann.username}@example.org`);
});

it('a mail that is refused, or whose server dies over its answer, arrives later, and is known as the same one if twice', async () => {
  const mail = await mailServer();
  const server = await start(mail.env);
  const failures = () => failuresOf(server);
  const addresses = [];
  for (const manner of ['refuse', 'refuse recipient', 'die'] as const) {
    mail.manner = manner;
    const before = failures();
    addresses.push(`${(await register(server.origin)).username}@example.org`);
    await expect.poll(failures, { timeout: 10_000 }).toBeGreaterThan(before);
  }
  mail.manner = 'take';
  for (const address of addresses) await expectToken(server, mail, address);
  for (const address of addresses) {
    const ids = mail.mails.filter(({ to }) => to.includes(address)).map(({ parsed }) => parsed.messageId);
    expect(new Set(ids).size).toBe(1);
  }
  for (const received of mail.mails) expect(server.log()).not.toContain(tokenOf(received));
});

it('a mail server that stalls keeps nobody waiting: not the answer, not a stop, and a restart sends the mail', async () => {
  const mail = await mailServer(0, 'stall');
  const server = await start(mail.env);
  const began = performance.now();
  const ann = await register(server.origin);
  expect(performance.now() - began).toBeLessThan(5_000);
  await expect.poll(() => mail.tries, { timeout: 10_000 }).toBe(1);
  const stopped = performance.now();
  const { MONGODB_URI, DATA_PATH } = server.env;
  await terminate(server);
  expect(performance.now() - stopped).toBeLessThan(25_000);
  mail.manner = 'take';
  const again = await start({ ...mail.env, MONGODB_URI, DATA_PATH });
  await expectToken(again, mail, `${ann.username}@example.org`);
});

it('a mail that was stored outlives the process, and of two nodes each mail is sent by one', async () => {
  const before = await mailServer();
  const { env, port } = before;
  await before.close();
  const first = await start(env);
  const accounts = await Promise.all(Array.from({ length: 6 }, () => register(first.origin)));
  // A mail that a process is just trying when it dies would be nobody’s for 3 minutes.
  await expect.poll(() => failuresOf(first), { timeout: 20_000 }).toBeGreaterThanOrEqual(accounts.length);
  await first.kill();
  const mail = await mailServer(port);
  const { MONGODB_URI, DATA_PATH } = first.env;
  const nodes = await Promise.all([0, 1].map(() => start({ ...env, MONGODB_URI, DATA_PATH })));
  for (const { username } of accounts) await mail.mailTo(`${username}@example.org`, { withinMs: 30_000 });
  await pause(2_500);
  expect(mail.mails).toHaveLength(accounts.length);
  const sent = await Promise.all(
    nodes.map(({ origin }) => send(origin, { method: 'GET', path: '/metrics' })),
  );
  const counts = sent.map(({ text }) =>
    Number(/^mails_total\{outcome="sent"\} (\d+)$/m.exec(text)?.[1] ?? 0),
  );
  expect(counts.reduce((a, b) => a + b)).toBe(accounts.length);
});

/** How many tries to send a mail it has told of. */
function failuresOf(server: RunningServer): number {
  return server.log().split('a mail could not be sent').length - 1;
}

/** Ends the process as an operator does, and leaves its data for another one. */
async function terminate({ pid }: RunningServer): Promise<void> {
  process.kill(pid, 'SIGTERM');
  const isThere = () => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  await expect.poll(isThere, { timeout: 20_000 }).toBe(false);
}
