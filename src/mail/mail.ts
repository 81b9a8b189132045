/** What a mail says: its subject and the same words twice, as plain text and as HTML. */
export interface Letter {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** The address it asks to open; null where it asks for nothing. */
  readonly link: string | null;
}

/** A letter on its way to one address. */
export interface Mail extends Letter {
  /** The same for every try, so that who gets it twice can tell. */
  readonly id: string;
  readonly to: string;
}

/** Brings mails away. */
export interface MailSender {
  /** Whether a mail that was sent goes nowhere but into the mailbox, where it is to be kept. */
  readonly keeps: boolean;
  /** Resolves once the mail is taken; rejects with a MailFailure, or with the signal’s reason. */
  send(mail: Mail, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** Why a mail was not taken. */
export class MailFailure extends Error {
  override readonly name = 'MailFailure';
  /** Whether the server answered that it does not want this mail; otherwise there was no getting it there. */
  readonly isRefusal: boolean;

  constructor(message: string, { isRefusal }: { isRefusal: boolean }) {
    super(message);
    this.isRefusal = isRefusal;
  }
}
