import { z } from 'zod';
import type { DirectStore } from './blob-store.ts';
import { unavailable } from './storage-failure.ts';
import { endpoint, transferEnv } from './variables.ts';

/** The variables of this provider. */
export const env = {
  GCP_PROJECT_ID: z.string().optional().describe('The project; without it that of the credentials.'),
  GCP_BUCKET: z.string().optional().describe('The bucket; it must exist.'),
  GCP_KEY_FILE: z
    .string()
    .optional()
    .describe('The file of a service account’s key; without it the application default credentials.'),
  GCP_API_ENDPOINT: endpoint
    .optional()
    .describe(
      'The address of a server that speaks the API of Google Cloud Storage; without it Google itself.',
    ),
  ...transferEnv,
};

/** The values of this provider’s variables. */
export type Settings = z.infer<z.ZodObject<typeof env>>;

/** What the variables still lack for this provider to be used; one sentence each, beginning with the variable. */
export function problems(settings: Settings): string[] {
  return settings.GCP_BUCKET ? [] : ['GCP_BUCKET must be set for the provider gcp'];
}

/** Opens a bucket of Google Cloud Storage. */
export async function open(_settings: Settings): Promise<DirectStore> {
  throw unavailable(new Error('not built yet'));
}
