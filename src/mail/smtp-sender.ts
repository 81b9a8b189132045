import { createTransport } from 'nodemailer';
import { type Mail, MailFailure, type MailSender } from './mail.ts';

/** How the mail server is reached. */
export interface SmtpSettings {
  readonly host: string;
  readonly port: number;
  /** Whether the connection begins with TLS; otherwise STARTTLS is used where it is offered. */
  readonly secure: boolean;
  readonly credentials: { readonly user: string; readonly pass: string } | null;
  /** An address, or `Name <address>`. */
  readonly from: string;
}

const TIMEOUTS = {
  connectionTimeout: 10_000,
  dnsTimeout: 10_000,
  greetingTimeout: 10_000,
  socketTimeout: 20_000,
  socketCloseTimeout: 1_000,
};
const RESPONSE_LENGTH = 200;
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|::1)$/;

/** Hands mails to a mail server, each over a connection of its own. */
export class SmtpSender implements MailSender {
  readonly keeps = false;
  private readonly transport: ReturnType<typeof open>;
  private readonly from: string;
  private readonly domain: string;

  constructor(settings: SmtpSettings) {
    this.transport = open(settings);
    this.from = settings.from;
    this.domain = /@([\w.-]+)>?\s*$/.exec(settings.from)?.[1] ?? 'localhost';
  }

  async send(mail: Mail, signal: AbortSignal): Promise<void> {
    try {
      await this.transport.sendMail({
        from: this.from,
        // As an object it is one address, whatever characters it has; as a text it would be parsed as a list.
        to: { name: '', address: mail.to },
        subject: mail.subject,
        text: mail.text,
        html: mail.html,
        messageId: `<${mail.id}@${this.domain}>`,
        // RFC 3834 section 5: "auto-generated … MUST NOT" be answered by another machine.
        headers: { 'auto-submitted': 'auto-generated' },
        signal,
      });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw failureOf(error);
    }
  }

  close(): void {
    this.transport.close();
  }
}

function open({ host, port, secure, credentials }: SmtpSettings) {
  return createTransport({
    host,
    port,
    secure,
    ...(credentials && { auth: credentials }),
    // Who can read or change the way to the server must not get the password by hiding that TLS is offered.
    requireTLS: credentials !== null && !LOOPBACK.test(host),
    disableFileAccess: true,
    disableUrlAccess: true,
    ...TIMEOUTS,
  });
}

// In its answers to these the server speaks of the mail and of who gets it, which is not for the log.
const PERSONAL = ['RCPT TO', 'DATA'];

function failureOf(error: unknown): MailFailure {
  const { code, responseCode, response, command } = error as Record<string, string | undefined>;
  const isRefusal = code === 'EENVELOPE' || code === 'EMESSAGE';
  const said = command && !PERSONAL.includes(command) ? response?.slice(0, RESPONSE_LENGTH) : responseCode;
  const facts = [code, command, said].filter((fact) => fact !== undefined).join(', ');
  const what = isRefusal ? 'The mail server refused the mail' : 'The mail server could not be used';
  return new MailFailure(`${what} (${facts || 'no reason given'}).`, { isRefusal });
}
