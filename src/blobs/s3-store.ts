import { z } from 'zod';
import type { DirectStore } from './blob-store.ts';
import { unavailable } from './storage-failure.ts';
import { endpoint, flag, transferEnv } from './variables.ts';

/** The variables of this provider. */
export const env = {
  AWS_ACCESS_KEY_ID: z
    .string()
    .optional()
    .describe('The access key; without it the default credential chain of AWS decides.'),
  AWS_SECRET_ACCESS_KEY: z.string().optional().describe('The secret of the access key.'),
  AWS_REGION: z.string().prefault('us-east-1').describe('The region of the bucket.'),
  AWS_S3_BUCKET: z.string().optional().describe('The bucket; it must exist.'),
  AWS_S3_ENDPOINT: endpoint.optional().describe('The address of a compatible server; without it AWS itself.'),
  AWS_S3_FORCE_PATH_STYLE: flag
    .prefault('false')
    .describe('Whether the bucket stands in the path instead of the host, as most compatible servers need.'),
  AWS_S3_SSE: z
    .string()
    .regex(/^(?:AES256|aws:kms(?::dsse)?(?:=.+)?)$/, 'must be AES256, aws:kms or aws:kms=<key id>')
    .optional()
    .describe('The encryption that S3 is told to use: `AES256`, `aws:kms` or `aws:kms=<key id>`.'),
  ...transferEnv,
};

/** The values of this provider’s variables. */
export type Settings = z.infer<z.ZodObject<typeof env>>;

/** What the variables still lack for this provider to be used; one sentence each, beginning with the variable. */
export function problems(settings: Settings): string[] {
  const found: string[] = [];
  if (!settings.AWS_S3_BUCKET) found.push('AWS_S3_BUCKET must be set for the provider aws');
  if (!settings.AWS_ACCESS_KEY_ID !== !settings.AWS_SECRET_ACCESS_KEY) {
    found.push('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set together');
  }
  return found;
}

/** Opens a bucket of S3 or of a compatible server. */
export async function open(_settings: Settings): Promise<DirectStore> {
  throw unavailable(new Error('not built yet'));
}
