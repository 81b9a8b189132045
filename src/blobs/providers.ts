import type { z } from 'zod';
import type { BlobStore } from './blob-store.ts';
import * as local from './local-store.ts';

/** Every provider by its stored name: the schema of its own variables, and `open`, which loads its SDK only when called. */
export const PROVIDERS = {
  local,
};

/** The name of a provider as it is stored with each blob; in upper case it is the name the API shows. */
export type ProviderName = keyof typeof PROVIDERS;

/** What each provider's `open` is given: the values of its own variables. */
export type ProviderSettings = {
  [Name in ProviderName]: z.infer<z.ZodObject<(typeof PROVIDERS)[Name]['env']>>;
};

type Openers = { [Name in ProviderName]: { open(settings: ProviderSettings[Name]): Promise<BlobStore> } };

/** Opens the named provider's store; rejects with STORAGE_UNAVAILABLE if its backend cannot be used at all. */
export async function openStore<Name extends ProviderName>(
  name: Name,
  settings: ProviderSettings[Name],
): Promise<BlobStore> {
  const openers: Openers = PROVIDERS;
  return openers[name].open(settings);
}
