import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../../errors.ts';
import { escaped } from '../../html.ts';
import type { Outbox } from '../../services/mail/outbox.ts';
import { htmlPage, PAGE_HEADERS } from './html-page.ts';

type Kept = Awaited<ReturnType<Outbox['newest']>>[number];

const LOOPBACK = /^(?:::ffff:)?127(?:\.\d{1,3}){3}$|^::1$/;
// Another name that leads here would be a foreign page’s that reads what only this machine may see.
const LOCAL_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;
// What came through a proxy on this machine came from wherever the proxy is reached.
const OF_PROXIES = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'];

/** `GET /dev/mailbox`: the mails of a server that has no mail server, for who develops on the same machine. */
export async function mailboxRoutes(
  app: FastifyInstance,
  options: { mailbox: Pick<Outbox, 'newest'> },
): Promise<void> {
  app.get('/dev/mailbox', { config: { needs: 'anyone' } }, async (request, reply) => {
    requireLocal(request);
    const mails = await options.mailbox.newest();
    const content = mails.length > 0 ? mails.map(shown).join('\n') : '<p>No mail has been written yet.</p>';
    return reply.headers(PAGE_HEADERS).send(htmlPage('Mailbox', content));
  });
}

// The links in it are as good as passwords.
function requireLocal({ ip, headers }: FastifyRequest): void {
  const isProxied = OF_PROXIES.some((name) => headers[name] !== undefined);
  if (!isProxied && LOOPBACK.test(ip) && LOCAL_HOST.test(headers.host ?? '')) return;
  throw new AppError(
    'FORBIDDEN',
    'The mailbox is shown on the machine that the service runs on, and nowhere else.',
  );
}

function shown({ to, createdAt, letter }: Kept): string {
  const about = `<p>To ${escaped(to)}, ${createdAt.toISOString()}</p>`;
  if (!letter) return `<article>${about}<p>It was sealed with another secret.</p></article>`;
  const link = letter.link && `<p><a href="${escaped(letter.link)}">${escaped(letter.link)}</a></p>`;
  return `<article><h2>${escaped(letter.subject)}</h2>${about}${link ?? ''}<pre>${escaped(letter.text)}</pre></article>`;
}
