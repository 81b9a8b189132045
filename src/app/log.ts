import { type Logger, type LoggerOptions, pino } from 'pino';

/** The process’s log: JSON lines in production, readable ones elsewhere; secrets never get into either. */
export type Log = Logger;

// Bodies and URLs with signatures are never logged; headers that carry secrets are masked in case somebody logs them.
const REDACTED = ['authorization', 'cookie', '["set-cookie"]'].flatMap((name) => [
  `req.headers.${name}`.replace('.[', '['),
  `headers.${name}`.replace('.[', '['),
]);

const LINK_TOKEN = /^(\/+(?:s|u)\/+)[^/]+/;

/** Opens the log, on stdout unless told otherwise; `brief` leaves of an error its message alone. */
export function createLog(options: {
  level: string;
  pretty: boolean;
  stderr?: boolean;
  brief?: boolean;
}): Log {
  const destination = options.stderr ? 2 : 1;
  const settings: LoggerOptions = {
    level: options.level,
    redact: { paths: REDACTED, censor: '[redacted]' },
    serializers: {
      // The address without its query: signed URLs carry their signature there. And without the token of a link.
      req: (request: { method: string; url: string; ip?: string }) => ({
        method: request.method,
        path: request.url.split('?', 1)[0]?.replace(LINK_TOKEN, '$1[token]'),
        ip: request.ip,
      }),
      res: (reply: { statusCode: number }) => ({ status: reply.statusCode }),
      err: options.brief ? (error: Error) => error.message : pino.stdSerializers.errWithCause,
    },
  };
  if (!options.pretty) return pino(settings, pino.destination(destination));
  const style = { ignore: 'pid,hostname,reqId', singleLine: true, translateTime: 'SYS:HH:MM:ss' };
  return pino({ ...settings, transport: { target: 'pino-pretty', options: { ...style, destination } } });
}
