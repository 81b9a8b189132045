import { z } from 'zod';
import type { BlobStore } from '../../src/blobs/blob-store.ts';
import {
  openStore,
  PROVIDERS,
  type ProviderName,
  type ProviderSettings,
  providerProblems,
} from '../../src/blobs/providers.ts';

/** Opens a store by its variables as the environment tells them; throws what they lack, as a start of the service does. */
export async function openVariables<Name extends ProviderName>(
  provider: Name,
  variables: Readonly<Record<string, string>>,
): Promise<BlobStore> {
  const settings = z.object(PROVIDERS[provider].env).parse(variables) as ProviderSettings[Name];
  const problems = providerProblems(provider, settings);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return openStore(provider, settings);
}
