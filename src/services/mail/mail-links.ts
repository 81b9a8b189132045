/** The addresses that mails lead to: pages of the frontend where there is one, our own otherwise. */
export class MailLinks {
  private readonly base: () => string;

  /** The address of the frontend or of this service, as far as it is known when a mail is written. */
  constructor(base: () => string) {
    this.base = base;
  }

  /** Where an address is verified with this token. */
  verification(token: string): string {
    return `${this.base()}/verify-email?token=${token}`;
  }

  /** Where a new password is set with this token. */
  passwordReset(token: string): string {
    return `${this.base()}/reset-password?token=${token}`;
  }
}
