import type { z } from 'zod';
import * as azure from './azure-store.ts';
import type { BlobStore } from './blob-store.ts';
import * as gcp from './gcs-store.ts';
import * as local from './local-store.ts';
import * as aws from './s3-store.ts';

/**
 * Every provider by its stored name: the schema of its own variables, what they lack, and `open`, which loads its SDK
 * only when called.
 */
export const PROVIDERS = { local, aws, gcp, azure };

/** The name of a provider as it is stored with each blob; in upper case it is the name the API shows. */
export type ProviderName = keyof typeof PROVIDERS;

/** The names of all providers. */
export const PROVIDER_NAMES = Object.keys(PROVIDERS) as [ProviderName, ...ProviderName[]];

/** What each provider's `open` is given: the values of its own variables. */
export type ProviderSettings = {
  [Name in ProviderName]: z.infer<z.ZodObject<(typeof PROVIDERS)[Name]['env']>>;
};

/** The values of all providers’ variables. */
export type AllSettings = ProviderSettings[ProviderName] &
  UnionToIntersection<ProviderSettings[ProviderName]>;

type UnionToIntersection<U> = (U extends unknown ? (_: U) => void : never) extends (_: infer I) => void
  ? I
  : never;

type Providers = {
  [Name in ProviderName]: {
    problems(settings: ProviderSettings[Name]): string[];
    open(settings: ProviderSettings[Name]): Promise<BlobStore>;
  };
};

const providers: Providers = PROVIDERS;

/** Opens the named provider's store; rejects with STORAGE_UNAVAILABLE if its backend cannot be used at all. */
export async function openStore<Name extends ProviderName>(
  name: Name,
  settings: ProviderSettings[Name],
): Promise<BlobStore> {
  return providers[name].open(settings);
}

/** What the variables still lack for the named provider to be used. */
export function providerProblems<Name extends ProviderName>(
  name: Name,
  settings: ProviderSettings[Name],
): string[] {
  return providers[name].problems(settings);
}
