import type { Mail, MailSender } from './mail.ts';

/** Where there is no mail server: tells the log what there is to open, and leaves the mail in the mailbox. */
export class MailboxSender implements MailSender {
  readonly keeps = true;
  private readonly tell: (mail: Pick<Mail, 'to' | 'subject' | 'link'>) => void;

  constructor(tell: (mail: Pick<Mail, 'to' | 'subject' | 'link'>) => void) {
    this.tell = tell;
  }

  async send({ to, subject, link }: Mail): Promise<void> {
    this.tell({ to, subject, link });
  }

  close(): void {}
}
