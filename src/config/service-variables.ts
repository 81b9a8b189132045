import { z } from 'zod';
import { PROVIDER_NAMES } from '../blobs/providers.ts';
import { bytes, flag, whole } from '../blobs/variables.ts';
import { list, origin } from './kinds.ts';

const provider = z.enum(PROVIDER_NAMES, `must be one of ${PROVIDER_NAMES.join(', ')}`);

/** The variables of the service itself: where it listens, what it stores and for how long. */
export const SERVICE_VARIABLES = {
  NODE_ENV: z
    .enum(['development', 'production', 'test'])
    .prefault('development')
    .describe('With `production`, nothing is made up: MONGODB_URI and JWT_SECRET must be set.'),
  HOST: z.string().prefault('127.0.0.1').describe('The address to listen on; `0.0.0.0` is every one.'),
  PORT: whole(0, 65_535).prefault('4000').describe('The TCP port; 0 takes a free one.'),
  PUBLIC_URL: origin.optional().describe('The origin that clients reach the service at, for signed URLs.'),
  TRUST_PROXY: z
    .string()
    .regex(
      /^(?!\s*true\s*$)/,
      'must be false, a number of hops, or addresses: with true anybody could claim any address',
    )
    .prefault('false')
    .describe(
      'Whose X-Forwarded headers count: `false`, a number of hops, or a list of addresses and networks.',
    ),
  CORS_ORIGIN: list.prefault('').describe('The origins whose pages may call the API, separated by commas.'),
  DATA_PATH: z
    .string()
    .min(1)
    .prefault('./data')
    .describe('The folder of the embedded database, of a made-up secret and of spilled parts.'),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .prefault('info')
    .describe('The least severe kind of log line that is written.'),
  SHUTDOWN_GRACE_SECONDS: whole(0, 86_400)
    .prefault('30')
    .describe('How long running transfers may take to finish once the process is asked to stop.'),
  METRICS_TOKEN: z.string().optional().describe('When set, /metrics needs it as a Bearer token.'),
  MONGODB_URI: z
    .string()
    .regex(/^mongodb(?:\+srv)?:\/\//, 'must begin with mongodb:// or mongodb+srv://')
    .optional()
    .describe('The MongoDB server; without it an embedded one runs in DATA_PATH (not in production).'),
  MIGRATE_ON_START: flag
    .prefault('true')
    .describe('Whether a start applies pending migrations, or stops when there are some.'),
  JWT_SECRET: list
    .optional()
    .describe('Secrets of at least 32 characters, separated by commas: the first signs, all verify.'),
  STORAGE_PROVIDER: provider.prefault('local').describe('Where new blobs go.'),
  STORAGE_PROVIDERS: list
    .pipe(z.array(provider))
    .prefault('')
    .describe('The other providers that blobs still lie at or are moved to, separated by commas.'),
  BACKUP_PROVIDER: provider.optional().describe('Where a second copy of every blob goes, in the background.'),
  DOWNLOAD_MODE: z
    .enum(['proxy', 'redirect'])
    .prefault('proxy')
    .describe(
      'Whether downloads pass through the service, or are sent on to the provider where it can serve them.',
    ),
  MAX_FILE_SIZE: bytes.prefault('5GiB').describe('The most bytes one file may have.'),
  MAX_FILES_PER_REQUEST: whole(1, 100).prefault('10').describe('The most files one request may bring.'),
  ALLOWED_MIME_TYPES: list
    .prefault('')
    .describe(
      'Types or families such as `image/*` that may be uploaded, separated by commas; empty allows all.',
    ),
  BLOCKED_MIME_TYPES: list
    .prefault('')
    .describe('Types or families that may not be uploaded, separated by commas.'),
  DEFAULT_QUOTA: bytes
    .optional()
    .describe('The most bytes a new account may store; without it there is no quota.'),
  UPLOAD_SPILL_SIZE: bytes
    .prefault('1GiB')
    .describe(
      'The most bytes of one request that may wait on disk when files are used in another order than sent.',
    ),
  UPLOAD_IDLE_SECONDS: whole(1, 3_600)
    .prefault('120')
    .describe('After how long without a byte a connection is cut.'),
  DIRECT_PART_SIZE: bytes
    .refine((size) => size >= 5 * 2 ** 20 && size <= 2 ** 30, 'must lie between 5MiB and 1GiB')
    .prefault('64MiB')
    .describe('A direct upload of more bytes is sent in parts of this size.'),
  DIRECT_UPLOAD_MINUTES: whole(1, 10_080)
    .prefault('60')
    .describe('How long the addresses of a direct upload work.'),
  UPLOAD_STALE_MINUTES: whole(2, 10_080)
    .prefault('10')
    .describe('After how long without a sign of life an unfinished upload is taken for dead.'),
  BLOB_GRACE_MINUTES: whole(0, 525_600)
    .prefault('60')
    .describe('How long a content stays stored after the last file that refers to it is gone.'),
  TRASH_RETENTION_DAYS: whole(0, 36_500)
    .prefault('30')
    .describe('After how long a file in the trash is removed for good.'),
  SWEEP_INTERVAL_SECONDS: whole(1, 86_400).prefault('60').describe('How often leftovers are looked for.'),
  GRAPHQL_PLAYGROUND: flag
    .optional()
    .describe('Whether a browser finds the Playground at /graphql; by default outside production.'),
  GRAPHQL_INTROSPECTION: flag
    .optional()
    .describe('Whether clients may ask for the schema; by default as the Playground.'),
};
