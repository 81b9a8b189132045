import type { SealedText } from '../../auth/sealed-text.ts';
import { type Letter, MailFailure, type MailSender } from '../../mail/mail.ts';
import type { Collections } from '../../models/collections.ts';
import { ObjectId } from '../../models/object-id.ts';
import { MailedTokenUse, type OutboxMail } from '../../models/outbox-mail.ts';
import { USABLE } from '../sessions/sessions.ts';
import { patienceOf, SENDING_MS, waitAfter } from './mail-tries.ts';

/** A letter that is to go out. */
export interface Posting {
  /** The account it is for; null for one to the operator. */
  readonly userId: ObjectId | null;
  readonly to: string;
  readonly letter: Letter;
  readonly uselessAfter: Date;
  /** The token in it, which the account holds by its digest: once it holds another, the letter is not sent. */
  readonly token?: { readonly use: MailedTokenUse; readonly hash: string };
}

/** How a mail came out; `useless` is one that was not sent since what it says had ended. */
export type MailOutcome = 'sent' | 'kept' | 'failed' | 'useless';

/** What is told of mails, never with what they say. */
export interface OutboxObserver {
  ended(outcome: MailOutcome, mail: ObjectId): void;
  /** It is tried again after so many milliseconds. */
  failed(mail: ObjectId, error: unknown, again: { readonly tries: number; readonly inMs: number }): void;
}

/** What an outbox is made of; without a sender mails only wait. */
export interface OutboxParts {
  readonly collections: Pick<Collections, 'outbox' | 'users'>;
  readonly seals: SealedText;
  readonly sender: MailSender | null;
  readonly observer: OutboxObserver;
  /** Called once a mail is stored: there is something to send. */
  readonly wake?: () => void;
}

/** How long a claimed mail is nobody else’s: longer than sending takes, clocks that differ included. */
const CLAIM_MS = 3 * SENDING_MS;
const AT_ONCE = 4;
/** The most mails that the mailbox keeps. */
const MOST_KEPT = 50;

const TOKEN_FIELD = {
  [MailedTokenUse.VERIFICATION]: 'emailVerificationToken',
  [MailedTokenUse.PASSWORD_RESET]: 'passwordResetToken',
} as const;

/**
 * Mails on their way: stored before anything else, claimed one by one by whichever node sends them, and gone once a
 * server took them. Nothing that fails or dies on the way loses one; what dies between sending and forgetting it is
 * the one thing that sends it again.
 */
export class Outbox {
  private readonly mails: Collections['outbox'];
  private readonly users: Collections['users'];
  private readonly seals: SealedText;
  private readonly sender: MailSender | null;
  private readonly observer: OutboxObserver;
  private readonly wake: () => void;

  constructor({ collections, seals, sender, observer, wake = () => undefined }: OutboxParts) {
    this.mails = collections.outbox;
    this.users = collections.users;
    this.seals = seals;
    this.sender = sender;
    this.observer = observer;
    this.wake = wake;
  }

  /** Stores the letter and resolves; it is sent afterwards. */
  async post({ userId, to, letter, uselessAfter, token }: Posting): Promise<void> {
    const _id = new ObjectId();
    await this.mails.create({
      _id,
      ...(userId && { userId }),
      to,
      letter: this.seals.seal(JSON.stringify(letter), _id.toHexString()),
      ...(token && { tokenUse: token.use, tokenHash: token.hash }),
      dueAt: new Date(),
      tries: 0,
      uselessAfter,
    });
    this.wake();
  }

  /** Sends every mail that is due, and drops those of no use; resolves with how many it dealt with. */
  async run(signal: AbortSignal): Promise<number> {
    const dropped = await this.dropUseless();
    if (!this.sender) return dropped;
    const counts = await Promise.all(Array.from({ length: AT_ONCE }, () => this.sendDue(signal)));
    return counts.reduce((sum, count) => sum + count, dropped);
  }

  /** How many mails wait to be sent. */
  waiting(): Promise<number> {
    return this.mails.countDocuments({ dueAt: { $gt: new Date(0) } });
  }

  /** The newest mails, the newest first; what they say is null where it can’t be opened any more. */
  async newest(): Promise<(Pick<OutboxMail, 'to' | 'createdAt'> & { letter: Letter | null })[]> {
    const mails = await this.mails.find().sort({ _id: -1 }).limit(MOST_KEPT).lean();
    return mails.map((mail) => ({ to: mail.to, createdAt: mail.createdAt, letter: this.letterOf(mail) }));
  }

  /** Ends what the sender holds. */
  close(): void {
    this.sender?.close();
  }

  private async dropUseless(): Promise<number> {
    const now = new Date();
    let count = 0;
    // One by one, since each is to be told of; there are seldom any.
    for (;;) {
      const dropped = await this.mails
        .findOneAndDelete({ dueAt: { $lte: now }, uselessAfter: { $lte: now } }, { projection: { _id: 1 } })
        .lean();
      if (!dropped) return count;
      this.observer.ended('useless', dropped._id);
      count += 1;
    }
  }

  private async sendDue(signal: AbortSignal): Promise<number> {
    for (let count = 0; ; count += 1) {
      const mail = signal.aborted ? null : await this.claim();
      if (!mail) return count;
      await this.deliver(mail, signal);
    }
  }

  private async claim(): Promise<Claimed | null> {
    const now = Date.now();
    const claimedUntil = new Date(now + CLAIM_MS);
    const mail = await this.mails
      .findOneAndUpdate(
        { dueAt: { $lte: new Date(now) } },
        { $set: { dueAt: claimedUntil } },
        { sort: { dueAt: 1 }, returnDocument: 'after' },
      )
      .lean();
    return mail && { ...mail, dueAt: claimedUntil };
  }

  private async deliver(mail: Claimed, stopping: AbortSignal): Promise<void> {
    const sender = this.sender as MailSender;
    const letter = (await this.isOfUse(mail)) ? this.letterOf(mail) : null;
    if (!letter) {
      await this.forget(mail);
      this.observer.ended('useless', mail._id);
      return;
    }
    const patience = patienceOf(stopping);
    try {
      await sender.send({ ...letter, id: mail._id.toHexString(), to: mail.to }, patience.signal);
    } catch (error) {
      await this.putBack(mail, error, stopping);
      return;
    } finally {
      patience.end();
    }
    if (sender.keeps) await this.keep(mail);
    else await this.forget(mail);
    this.observer.ended(sender.keeps ? 'kept' : 'sent', mail._id);
  }

  /** Whether the account is still there for it and holds the token that it brings. */
  private async isOfUse({ userId, to, uselessAfter, tokenUse, tokenHash }: Claimed): Promise<boolean> {
    if (uselessAfter <= new Date()) return false;
    if (!userId) return true;
    const token = tokenUse && tokenHash ? { [TOKEN_FIELD[tokenUse]]: tokenHash } : {};
    return (await this.users.exists({ _id: userId, email: to, ...USABLE, ...token })) !== null;
  }

  private letterOf({ _id, letter }: Pick<OutboxMail, '_id' | 'letter'>): Letter | null {
    const opened = this.seals.open(letter, _id.toHexString());
    return opened && (JSON.parse(opened.text) as Letter);
  }

  private async forget({ _id }: Claimed): Promise<void> {
    await this.mails.deleteOne({ _id });
  }

  private async keep({ _id }: Claimed): Promise<void> {
    await this.mails.updateOne({ _id }, { $unset: { dueAt: 1 } });
    const [oldest] = await this.mails.find({}, { _id: 1 }).sort({ _id: -1 }).skip(MOST_KEPT).limit(1).lean();
    if (oldest) await this.mails.deleteMany({ _id: { $lte: oldest._id }, dueAt: null });
  }

  private async putBack(mail: Claimed, error: unknown, stopping: AbortSignal): Promise<void> {
    const { _id, dueAt } = mail;
    // Only while the claim is ours: whoever else has it by now decides.
    const claimed = { _id, dueAt };
    if (stopping.aborted) {
      await this.mails.updateOne(claimed, { $set: { dueAt: new Date() } });
      return;
    }
    const tries = mail.tries + 1;
    const isRefused = error instanceof MailFailure && error.isRefusal;
    const inMs = waitAfter(tries, isRefused);
    await this.mails.updateOne(claimed, { $set: { dueAt: new Date(Date.now() + inMs), tries } });
    this.observer.ended('failed', _id);
    this.observer.failed(_id, error, { tries, inMs });
  }
}

type Claimed = Omit<OutboxMail, 'dueAt'> & { readonly dueAt: Date };
