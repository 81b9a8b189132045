import { join, resolve } from 'node:path';
import { z } from 'zod';
import { PROVIDERS, type ProviderName } from './blobs/providers.ts';

const UNITS: Record<string, number> = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

const bytes = z
  .string()
  .regex(/^\d{1,15} ?(?:KiB|MiB|GiB|TiB)?$/, 'must be a whole number of bytes, or of KiB, MiB, GiB or TiB')
  .transform((text) => Number.parseInt(text, 10) * (UNITS[text.replace(/[\d ]/g, '')] ?? 1))
  .refine(Number.isSafeInteger, 'is too large');
const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,10}$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= least && value <= most, `must lie between ${least} and ${most}`);
const flag = z.stringbool({ error: 'must be true or false' });
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean),
);
const origin = z
  .string()
  .regex(/^https?:\/\/[^/\s]+$/, 'must be an origin such as https://files.example.org, without a path');

const own = {
  NODE_ENV: z
    .enum(['development', 'production', 'test'])
    .prefault('development')
    .describe('With `production`, nothing is made up: MONGODB_URI and JWT_SECRET must be set.'),
  HOST: z.string().prefault('127.0.0.1').describe('The address to listen on; `0.0.0.0` is every one.'),
  PORT: whole(0, 65_535).prefault('4000').describe('The TCP port; 0 takes a free one.'),
  PUBLIC_URL: origin.optional().describe('The origin that clients reach the service at, for signed URLs.'),
  TRUST_PROXY: z
    .string()
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
  STORAGE_PROVIDER: z
    .enum(Object.keys(PROVIDERS) as [ProviderName, ...ProviderName[]])
    .prefault('local')
    .describe('Where new blobs go.'),
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

/** Every variable there is, each with its schema; the default is the schema’s own. */
export const ENVIRONMENT = { ...own, ...PROVIDERS.local.env };

/** What the process runs with; frozen, every value checked. */
export type Config = Readonly<ReturnType<typeof readConfig>>;

const MIN_SECRET_LENGTH = 32;

/** Reads the configuration; throws one error that names every variable that is not right. */
export function readConfig(environment: Readonly<Record<string, string | undefined>> = process.env) {
  // An empty variable is how shells and compose files say that it is not set.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim()));
  const parsed = z.object(ENVIRONMENT).safeParse(given);
  const problems = parsed.error?.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`) ?? [];
  if (parsed.data) problems.push(...productionProblems(parsed.data));
  if (!parsed.data || problems.length > 0) {
    throw new Error(
      `The configuration is not right:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    );
  }
  const { NODE_ENV, GRAPHQL_PLAYGROUND, GRAPHQL_INTROSPECTION, TRUST_PROXY, ...rest } = parsed.data;
  const isProduction = NODE_ENV === 'production';
  const playground = GRAPHQL_PLAYGROUND ?? !isProduction;
  const dataPath = resolve(rest.DATA_PATH);
  return Object.freeze({
    ...rest,
    isProduction,
    playground,
    introspection: GRAPHQL_INTROSPECTION ?? playground,
    trustProxy: trustProxyOf(TRUST_PROXY),
    dataPath,
    databasePath: join(dataPath, 'db'),
    spillPath: join(dataPath, 'spill'),
    secretPath: join(dataPath, 'jwt-secret'),
  });
}

function productionProblems(env: z.infer<z.ZodObject<typeof own>>): string[] {
  if (env.NODE_ENV !== 'production') return [];
  const problems: string[] = [];
  if (!env.MONGODB_URI) problems.push('MONGODB_URI must be set in production');
  if (!env.JWT_SECRET?.length) problems.push('JWT_SECRET must be set in production');
  if (env.JWT_SECRET?.some((secret) => secret.length < MIN_SECRET_LENGTH)) {
    problems.push(`JWT_SECRET must have at least ${MIN_SECRET_LENGTH} characters in each secret`);
  }
  return problems;
}

function trustProxyOf(text: string): boolean | number | string[] {
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^\d{1,2}$/.test(text)) return Number(text);
  return text.split(',').map((entry) => entry.trim());
}
