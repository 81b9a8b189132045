import { z } from 'zod';
import type { DirectStore } from './blob-store.ts';
import { unavailable } from './storage-failure.ts';
import { endpoint, transferEnv } from './variables.ts';

/** The variables of this provider. */
export const env = {
  AZURE_STORAGE_CONNECTION_STRING: z
    .string()
    .optional()
    .describe('The connection string of the storage account; it stands for account, key and address.'),
  AZURE_STORAGE_ACCOUNT: z.string().optional().describe('The storage account.'),
  AZURE_STORAGE_KEY: z
    .string()
    .optional()
    .describe('The key of the account; without it a managed identity, or whatever else is at hand.'),
  AZURE_STORAGE_ENDPOINT: endpoint
    .optional()
    .describe('The address of the account’s blobs, where it is not the usual one.'),
  AZURE_CONTAINER: z.string().optional().describe('The container; it must exist.'),
  ...transferEnv,
};

/** The values of this provider’s variables. */
export type Settings = z.infer<z.ZodObject<typeof env>>;

/** What the variables still lack for this provider to be used; one sentence each, beginning with the variable. */
export function problems(settings: Settings): string[] {
  const found: string[] = [];
  if (!settings.AZURE_CONTAINER) found.push('AZURE_CONTAINER must be set for the provider azure');
  if (!settings.AZURE_STORAGE_CONNECTION_STRING && !settings.AZURE_STORAGE_ACCOUNT) {
    found.push('AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT must be set for the provider azure');
  }
  return found;
}

/** Opens a container of Azure Blob Storage. */
export async function open(_settings: Settings): Promise<DirectStore> {
  throw unavailable(new Error('not built yet'));
}
