import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../errors.ts';
import { escaped } from '../../html.ts';
import { PASSWORD_LENGTH } from '../../services/accounts/account-rules.ts';
import type { EmailVerification } from '../../services/credentials/email-verification.ts';
import type { PasswordReset } from '../../services/credentials/password-reset.ts';
import { withinRequest } from '../../services/request-facts.ts';
import { htmlPage, PAGE_HEADERS } from './html-page.ts';

const FORM_BYTES = 4 * 1024;
const FORM_TYPE = 'application/x-www-form-urlencoded';

interface LinkRequest {
  Querystring: { token?: string | string[] };
  Body: URLSearchParams | undefined;
}

/**
 * The pages that mails lead to where there is no frontend: `/verify-email` and `/reset-password`. Opening one changes
 * nothing, since scanners of mail open links too; only its form does.
 */
export async function mailedLinkRoutes(
  app: FastifyInstance,
  options: {
    verification: Pick<EmailVerification, 'verify'>;
    passwordReset: Pick<PasswordReset, 'reset'>;
  },
): Promise<void> {
  const { verification, passwordReset } = options;

  app.removeAllContentTypeParsers();
  app.addContentTypeParser(FORM_TYPE, { parseAs: 'string', bodyLimit: FORM_BYTES }, (_request, body, done) =>
    done(null, new URLSearchParams(String(body))),
  );

  const config = { needs: 'anyone' } as const;

  app.get<LinkRequest>('/verify-email', { config }, async (request, reply) =>
    send(reply, 200, 'Verify your address', verificationForm(tokenOf(request))),
  );

  app.post<LinkRequest>('/verify-email', { config }, (request, reply) =>
    answered(request, async () => {
      const token = field(request, 'token');
      try {
        await verification.verify(token);
        return send(reply, 200, 'Your address is verified', '<p>You can close this page.</p>');
      } catch (error) {
        const { status, message } = refusalOf(error);
        return send(reply, status, 'Verify your address', problem(message));
      }
    }),
  );

  app.get<LinkRequest>('/reset-password', { config }, async (request, reply) =>
    send(reply, 200, 'Set a new password', passwordForm(tokenOf(request))),
  );

  app.post<LinkRequest>('/reset-password', { config }, (request, reply) =>
    answered(request, async () => {
      const token = field(request, 'token');
      try {
        await passwordReset.reset(token, field(request, 'newPassword'));
        return send(
          reply,
          200,
          'Your password is changed',
          '<p>You are logged out everywhere: log in with the new password.</p>',
        );
      } catch (error) {
        const { status, message, issues = [] } = refusalOf(error);
        const mayTryAgain = issues.some((issue) => issue.field === 'newPassword') || status === 429;
        const form = mayTryAgain ? passwordForm(token) : '';
        return send(reply, status, 'Set a new password', problem(message) + form);
      }
    }),
  );
}

function verificationForm(token: string): string {
  return `<form method="post" action="/verify-email">
${hidden(token)}
<p>Press the button to show that this address is yours.</p>
<button>Verify this address</button>
</form>`;
}

function passwordForm(token: string): string {
  const { min, max } = PASSWORD_LENGTH;
  return `<form method="post" action="/reset-password">
${hidden(token)}
<label for="password">New password, ${min} to ${max} characters</label>
<input id="password" name="newPassword" type="password" autocomplete="new-password" required minlength="${min}" maxlength="${max}">
<button>Set the password</button>
</form>`;
}

const hidden = (token: string) => `<input type="hidden" name="token" value="${escaped(token)}">`;
const problem = (message: string) => `<p class="wrong">${escaped(message)}</p>`;

const MOST_SHOWN = 200;

/** The token of the address, of any form: what it is worth is decided when it is used. */
function tokenOf({ query }: FastifyRequest<LinkRequest>): string {
  return [query.token].flat()[0]?.slice(0, MOST_SHOWN) ?? '';
}

const field = ({ body }: FastifyRequest<LinkRequest>, name: string) => body?.get(name) ?? '';

/** What the person is told; anything that is not about the request is a failure like any other. */
function refusalOf(error: unknown): AppError {
  if (error instanceof AppError && error.status < 500) return error;
  throw error;
}

// A body is read outside of the request’s scope.
const answered = <T>(request: FastifyRequest, work: () => Promise<T>) => withinRequest(request.facts, work);

function send(reply: FastifyReply, status: number, title: string, content: string): FastifyReply {
  return reply.code(status).headers(PAGE_HEADERS).send(htmlPage(title, content));
}
