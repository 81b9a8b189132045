import { join, resolve } from 'node:path';
import { z } from 'zod';
import { PROVIDERS, providerProblems } from './blobs/providers.ts';
import { CONTENT_VARIABLES } from './config/content-variables.ts';
import { MAIL_VARIABLES } from './config/mail-variables.ts';
import { PROTECTION_VARIABLES } from './config/protection-variables.ts';
import { SERVICE_VARIABLES } from './config/service-variables.ts';

/** Every variable there is, each with its schema; the default is the schema’s own. */
export const ENVIRONMENT = {
  ...SERVICE_VARIABLES,
  ...MAIL_VARIABLES,
  ...PROTECTION_VARIABLES,
  ...CONTENT_VARIABLES,
  ...PROVIDERS.local.env,
  ...PROVIDERS.aws.env,
  ...PROVIDERS.gcp.env,
  ...PROVIDERS.azure.env,
};

/** What the process runs with; frozen, every value checked. */
export type Config = Readonly<ReturnType<typeof readConfig>>;

const MIN_SECRET_LENGTH = 32;

/** Reads the configuration; throws one error that names every variable that is not right. */
export function readConfig(environment: Readonly<Record<string, string | undefined>> = process.env) {
  // An empty variable is how shells and compose files say that it is not set.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim()));
  const parsed = z.object(ENVIRONMENT).safeParse(given);
  const problems = parsed.error?.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`) ?? [];
  if (parsed.data)
    problems.push(
      ...productionProblems(parsed.data),
      ...storageProblems(parsed.data),
      ...mailProblems(parsed.data),
    );
  if (!parsed.data || problems.length > 0) {
    throw new Error(
      `The configuration is not right:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    );
  }
  const { NODE_ENV, GRAPHQL_PLAYGROUND, GRAPHQL_INTROSPECTION, TRUST_PROXY, ...rest } = parsed.data;
  const isProduction = NODE_ENV === 'production';
  // Where only trusted documents run, a page for writing others is of no use.
  const playground = GRAPHQL_PLAYGROUND ?? (!isProduction && !rest.TRUSTED_DOCUMENTS);
  const dataPath = resolve(rest.DATA_PATH);
  return Object.freeze({
    ...rest,
    isProduction,
    providers: providersOf(rest),
    playground,
    introspection: GRAPHQL_INTROSPECTION ?? playground,
    trustProxy: trustProxyOf(TRUST_PROXY),
    dataPath,
    databasePath: join(dataPath, 'db'),
    spillPath: join(dataPath, 'spill'),
    secretPath: join(dataPath, 'jwt-secret'),
  });
}

function productionProblems(env: Variables): string[] {
  if (env.NODE_ENV !== 'production') return [];
  const problems: string[] = [];
  if (!env.MONGODB_URI) problems.push('MONGODB_URI must be set in production');
  if (!env.JWT_SECRET?.length) problems.push('JWT_SECRET must be set in production');
  if (env.JWT_SECRET?.some((secret) => secret.length < MIN_SECRET_LENGTH)) {
    problems.push(`JWT_SECRET must have at least ${MIN_SECRET_LENGTH} characters in each secret`);
  }
  return problems;
}

type Variables = z.infer<z.ZodObject<typeof ENVIRONMENT>>;

/** Every provider that is in use, each once, the one of new blobs first. */
function providersOf(env: Pick<Variables, 'STORAGE_PROVIDER' | 'STORAGE_PROVIDERS' | 'BACKUP_PROVIDER'>) {
  const { STORAGE_PROVIDER, STORAGE_PROVIDERS, BACKUP_PROVIDER } = env;
  return [
    ...new Set([STORAGE_PROVIDER, ...STORAGE_PROVIDERS, ...(BACKUP_PROVIDER ? [BACKUP_PROVIDER] : [])]),
  ];
}

function storageProblems(env: Variables): string[] {
  const problems = providersOf(env).flatMap((name) => providerProblems(name, env));
  if (env.BACKUP_PROVIDER === env.STORAGE_PROVIDER) {
    problems.push('BACKUP_PROVIDER must be another provider than STORAGE_PROVIDER');
  }
  return problems;
}

function mailProblems(env: Variables): string[] {
  const { EMAIL_HOST, EMAIL_FROM, EMAIL_USER, EMAIL_PASS } = env;
  const problems: string[] = [];
  // Mails would lead to the address that the process listens on, which means something else to who gets them.
  if (EMAIL_HOST && env.NODE_ENV === 'production' && !env.APP_URL && !env.PUBLIC_URL) {
    problems.push('APP_URL or PUBLIC_URL must be set in production with EMAIL_HOST');
  }
  if (EMAIL_HOST && !EMAIL_FROM) problems.push('EMAIL_FROM must be set with EMAIL_HOST');
  if ((EMAIL_USER === undefined) !== (EMAIL_PASS === undefined)) {
    problems.push('EMAIL_USER and EMAIL_PASS must be set together');
  }
  return problems;
}

function trustProxyOf(text: string): boolean | number | string[] {
  if (text === 'false') return false;
  if (/^\d{1,2}$/.test(text)) return Number(text);
  return text.split(',').map((entry) => entry.trim());
}
