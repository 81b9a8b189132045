import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterEach, expect, test } from 'vitest';
import { letter } from '../../../src/mail/letters.ts';
import type { Mail } from '../../../src/mail/mail.ts';
import { SmtpSender } from '../../../src/mail/smtp-sender.ts';
import { type MailServer, startMailServer } from '../../support/smtp.ts';

const LETTER = letter({ subject: 'Grüße — an Zoë', paragraphs: ['the words'] });
const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function senderTo(port: number, credentials: { user: string; pass: string } | null = null): SmtpSender {
  const from = 'The Files <files@service.example>';
  const sender = new SmtpSender({ host: '127.0.0.1', port, secure: false, credentials, from });
  closing.push(() => sender.close());
  return sender;
}

async function mailServer(): Promise<MailServer> {
  const server = await startMailServer();
  closing.push(() => server.close());
  return server;
}

const mailTo = (to: string): Mail => ({ ...LETTER, id: '0123456789abcdef01234567', to });
const patience = () => AbortSignal.timeout(10_000);

test('a mail has both parts, one recipient, and the same id at every try', async () => {
  const server = await mailServer();
  const sender = senderTo(server.port);
  await sender.send(mailTo('ann@example.org'), patience());
  await sender.send(mailTo('ann@example.org'), patience());
  const [first, second] = server.mails;
  expect(first?.to).toEqual(['ann@example.org']);
  expect(first?.parsed.subject).toBe(LETTER.subject);
  expect(first?.parsed.text).toContain('the words');
  expect(first?.parsed.html).toContain('the words');
  expect(first?.parsed.messageId).toBe('<0123456789abcdef01234567@service.example>');
  expect(second?.parsed.messageId).toBe(first?.parsed.messageId);
});

test.each([
  'a@example.org, b@example.org',
  'a@example.org\r\nBcc: b@example.org',
  'a@example.org>\r\nRCPT TO:<b@example.org',
])('an address is one address, whatever it holds: %j never reaches another', async (to) => {
  const server = await mailServer();
  await senderTo(server.port)
    .send(mailTo(to), patience())
    .catch(() => undefined);
  expect(server.mails.flatMap((mail) => mail.to)).not.toContain('b@example.org');
  for (const { parsed } of server.mails) expect(parsed.headers.has('bcc')).toBe(false);
});

test('a server that does not want a mail refuses it; one that is not there is another failure', async () => {
  const server = await mailServer();
  server.manner = 'refuse recipient';
  const sender = senderTo(server.port);
  await expect(sender.send(mailTo('ann@example.org'), patience())).rejects.toMatchObject({
    name: 'MailFailure',
    isRefusal: true,
  });
  await server.close();
  await expect(sender.send(mailTo('ann@example.org'), patience())).rejects.toMatchObject({
    name: 'MailFailure',
    isRefusal: false,
  });
});

test('a server that stalls is waited for no longer than the signal allows', async () => {
  const server = await mailServer();
  server.manner = 'stall';
  const began = performance.now();
  const reason = new Error('enough');
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 200);
  await expect(senderTo(server.port).send(mailTo('ann@example.org'), controller.signal)).rejects.toBe(reason);
  expect(performance.now() - began).toBeLessThan(2_000);
});

test('it logs in with its name and password, and tells of neither when they are wrong', async () => {
  const names: string[] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth({ username = '', password }, _session, done) {
      names.push(username);
      if (password === 'right') done(null, { user: username });
      else done(new Error('no such name or password'));
    },
    onData(stream, _session, done) {
      stream.resume().once('end', () => done());
    },
  });
  server.on('error', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  closing.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const { port } = server.server.address() as AddressInfo;
  await senderTo(port, { user: 'files', pass: 'right' }).send(mailTo('ann@example.org'), patience());
  const failed = await senderTo(port, { user: 'files', pass: 'wr0ng' })
    .send(mailTo('ann@example.org'), patience())
    .catch((error: Error) => error);
  expect(failed).toMatchObject({ name: 'MailFailure', isRefusal: false });
  expect(String(failed)).not.toMatch(/wr0ng|d3IwbmC|Zmlsz/);
  expect(names).toEqual(['files', 'files']);
});
