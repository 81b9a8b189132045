import { SealedText } from '../auth/sealed-text.ts';
import type { Config } from '../config.ts';
import type { Metrics } from '../http/metrics.ts';
import { Every } from '../jobs/every.ts';
import type { MailSender } from '../mail/mail.ts';
import { MailboxSender } from '../mail/mailbox-sender.ts';
import { SmtpSender } from '../mail/smtp-sender.ts';
import type { Collections } from '../models/collections.ts';
import { Afterwards } from '../services/mail/afterwards.ts';
import { MailLinks } from '../services/mail/mail-links.ts';
import { Outbox } from '../services/mail/outbox.ts';
import type { Log } from './log.ts';

/** What writes, keeps and sends mails. */
export interface Mailing {
  readonly outbox: Outbox;
  readonly links: MailLinks;
  readonly afterwards: Afterwards;
  /** Begins to look every few seconds, and whenever a mail was stored, for what is to be sent. */
  start(): void;
  /** Ends what is being sent and resolves when nothing of it is left. */
  stop(): Promise<void>;
}

const LOOK_SECONDS = 2;

/** Wires mails; they are sent once it is started. */
export function createMailing(parts: {
  config: Config;
  collections: Collections;
  secrets: readonly string[];
  metrics: Metrics;
  log: Log;
  baseUrl: () => string;
}): Mailing {
  const { config, collections, secrets, metrics, log, baseUrl } = parts;
  let isStarted = false;
  const outbox = new Outbox({
    collections,
    seals: new SealedText(secrets, 'mails'),
    sender: senderOf(config, log),
    observer: {
      ended(outcome, mail) {
        metrics.mailEnded(outcome);
        if (outcome === 'useless') log.info({ mail }, 'a mail was of no use any more and was not sent');
        else log.debug({ mail, outcome }, 'a mail came out');
      },
      failed: (mail, error, { tries, inMs }) => {
        const reason = error instanceof Error ? error.message : 'unknown';
        const againInSeconds = Math.round(inMs / 1000);
        log.warn({ mail, reason, tries, againInSeconds }, 'a mail could not be sent');
      },
    },
    wake: () => isStarted && every.now(),
  });
  metrics.gauge('mails_waiting', 'Mails that are still to be sent.', () =>
    outbox.waiting().catch(() => Number.NaN),
  );
  const every = new Every(
    LOOK_SECONDS,
    (signal) => outbox.run(signal),
    (err) => log.error({ err }, 'the mails could not be looked after'),
  );
  const afterwards = new Afterwards({
    onError: (err) => log.error({ err }, 'what was to be done after an answer was not'),
  });
  return {
    outbox,
    links: new MailLinks(() => config.APP_URL ?? baseUrl()),
    afterwards,
    start() {
      isStarted = true;
      every.start();
      if (config.isProduction && !config.EMAIL_HOST)
        log.warn('EMAIL_HOST is not set: mails to verify addresses and reset passwords are not sent');
    },
    async stop() {
      await afterwards.finish();
      await every.stop();
      outbox.close();
    },
  };
}

/** Whether mails go into a mailbox that the service shows itself. */
export const hasMailbox = (config: Config): boolean => !config.isProduction && !config.EMAIL_HOST;

function senderOf(config: Config, log: Log): MailSender | null {
  if (hasMailbox(config)) return new MailboxSender((mail) => log.info(mail, 'a mail is in the mailbox'));
  const { EMAIL_HOST: host, EMAIL_USER: user, EMAIL_PASS: pass, EMAIL_FROM: from } = config;
  if (!host || !from) return null;
  const credentials = user !== undefined && pass !== undefined ? { user, pass } : null;
  return new SmtpSender({ host, port: config.EMAIL_PORT, secure: config.EMAIL_SECURE, credentials, from });
}
