import { z } from 'zod';
import { flag, whole } from '../blobs/variables.ts';

/** The variables of mail. */
export const MAIL_VARIABLES = {
  EMAIL_HOST: z
    .string()
    .optional()
    .describe('The mail server; without it mails are kept in a mailbox of the server (not in production).'),
  EMAIL_PORT: whole(1, 65_535).prefault('587').describe('The port of the mail server.'),
  EMAIL_SECURE: flag
    .prefault('false')
    .describe(
      'Whether the connection begins with TLS, as on port 465; otherwise STARTTLS is used where offered.',
    ),
  EMAIL_USER: z.string().optional().describe('The name to log in to the mail server with.'),
  EMAIL_PASS: z.string().optional().describe('The password to log in to the mail server with.'),
  EMAIL_FROM: z
    .string()
    .regex(/@/, 'must be an address, as `files@example.org` or `Files <files@example.org>`')
    .optional()
    .describe('The sender of mails; needed with EMAIL_HOST.'),
  APP_URL: z
    .string()
    .regex(
      /^https?:\/\/\S+[^/\s]$/,
      'must be an address such as https://app.example.org, without a slash at its end',
    )
    .optional()
    .describe(
      'The address of the frontend, which mails link to; without it they link to pages of the server.',
    ),
};
