import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

/** How the server treats mails: takes them, answers that it does not want them, falls silent, or dies before its answer. */
export type Manner = 'take' | 'refuse' | 'refuse recipient' | 'stall' | 'die';

/** A mail as it came over the wire. */
export interface ReceivedMail {
  readonly raw: string;
  readonly parsed: ParsedMail;
  /** The envelope’s recipients. */
  readonly to: readonly string[];
}

/** A mail server on 127.0.0.1 that keeps what it gets. */
export interface MailServer {
  readonly port: number;
  /** What a service needs to send mails by it. */
  readonly env: Readonly<Record<string, string>>;
  /** Every mail that it took, or would have taken had it not died over its answer. */
  readonly mails: readonly ReceivedMail[];
  /** How many mails were begun. */
  readonly tries: number;
  manner: Manner;
  /** The first mail to the address, `skip` of them left out, once it is here; rejects when none comes in time. */
  mailTo(address: string, options?: { skip?: number; withinMs?: number }): Promise<ReceivedMail>;
  close(): Promise<void>;
}

const LOOK_MS = 20;

/** Starts a mail server; on a port of its choice, or on this one. */
export async function startMailServer(port = 0, manner: Manner = 'take'): Promise<MailServer> {
  const mails: ReceivedMail[] = [];
  const sockets = new Set<Socket>();
  const state = { manner, tries: 0 };
  const refusal = () => Object.assign(new Error('not wanted here'), { responseCode: 554 });
  const server = new SMTPServer({
    // Its certificate would be nobody’s.
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    onRcptTo: (_address, _session, done) => done(state.manner === 'refuse recipient' ? refusal() : null),
    async onData(stream, session, done) {
      state.tries += 1;
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      const raw = Buffer.concat(chunks);
      if (state.manner === 'stall') return;
      if (state.manner === 'refuse') return done(refusal());
      const to = session.envelope.rcptTo.map(({ address }) => address);
      mails.push({ raw: raw.toString(), parsed: await simpleParser(raw), to });
      if (state.manner === 'take') return done();
      for (const socket of sockets) socket.destroy();
    },
  });
  server.on('error', () => undefined);
  server.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(port, '127.0.0.1');
  await once(server.server, 'listening');
  const address = server.server.address() as AddressInfo;
  return {
    port: address.port,
    env: {
      EMAIL_HOST: '127.0.0.1',
      EMAIL_PORT: String(address.port),
      EMAIL_FROM: 'The Files <files@service.example>',
    },
    mails,
    get tries() {
      return state.tries;
    },
    get manner() {
      return state.manner;
    },
    set manner(next) {
      state.manner = next;
    },
    async mailTo(wanted, { skip = 0, withinMs = 15_000 } = {}) {
      const until = performance.now() + withinMs;
      for (;;) {
        const mail = mails.filter(({ to }) => to.includes(wanted))[skip];
        if (mail) return mail;
        if (performance.now() > until) throw new Error(`No mail to ${wanted} came within ${withinMs} ms.`);
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** The token of a mail’s link. */
export function tokenOf({ parsed }: ReceivedMail): string {
  const [, token] = /[?&]token=([0-9a-f]{64})\b/.exec(parsed.text ?? '') ?? [];
  if (!token) throw new Error(`There is no token in: ${parsed.text}`);
  return token;
}
