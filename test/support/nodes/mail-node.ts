import { SealedText } from '../../../src/auth/sealed-text.ts';
import { letter } from '../../../src/mail/letters.ts';
import type { Mail, MailSender } from '../../../src/mail/mail.ts';
import type { Collections } from '../../../src/models/collections.ts';
import type { ObjectId } from '../../../src/models/object-id.ts';
import { type MailOutcome, Outbox, type Posting } from '../../../src/services/mail/outbox.ts';

/** A sender that notes what it is given, and does with it what a test wants. */
export class TestSender implements MailSender {
  keeps = false;
  readonly sent: Mail[] = [];
  /** What happens to a mail before it counts as sent. */
  act: (mail: Mail, signal: AbortSignal) => Promise<void> = async () => {};
  isClosed = false;

  async send(mail: Mail, signal: AbortSignal): Promise<void> {
    await this.act(mail, signal);
    this.sent.push(mail);
  }

  close(): void {
    this.isClosed = true;
  }
}

/** One node's outbox over a database, with what was told of its mails. */
export function mailNode(
  collections: Collections,
  {
    sender = new TestSender(),
    secrets = ['secret of the tests'],
  }: { sender?: TestSender | null; secrets?: string[] } = {},
) {
  const outcomes: MailOutcome[] = [];
  const failures: { error: unknown; tries: number; inMs: number }[] = [];
  const woken = { count: 0 };
  const outbox = new Outbox({
    collections,
    seals: new SealedText(secrets, 'mails'),
    sender,
    observer: {
      ended: (outcome) => void outcomes.push(outcome),
      failed: (_mail, error, again) => void failures.push({ error, ...again }),
    },
    wake: () => {
      woken.count += 1;
    },
  });
  const run = () => outbox.run(new AbortController().signal);
  return { outbox, sender: sender as TestSender, outcomes, failures, woken, run };
}

/** A letter to the operator that nothing makes useless before tomorrow. */
export function posting(to: string, changes: Partial<Posting> = {}): Posting {
  return {
    userId: null,
    to,
    letter: letter({ subject: `To ${to}`, paragraphs: ['the words of the letter'] }),
    uselessAfter: new Date(Date.now() + 86_400_000),
    ...changes,
  };
}

/** Makes every mail due, as if what it waits for had passed. */
export async function passTime(collections: Collections, userId?: ObjectId): Promise<void> {
  await collections.outbox.updateMany(
    { dueAt: { $exists: true }, ...(userId && { userId }) },
    { $set: { dueAt: new Date() } },
  );
}
