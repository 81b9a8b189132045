import { readFile } from 'node:fs/promises';
import type { GoogleAuth } from 'google-auth-library';
import { z } from 'zod';

const SCOPES = ['https://www.googleapis.com/auth/cloud-platform'];
const GOOGLE_TOKENS = 'https://oauth2.googleapis.com/token';

/** What we need of the file that Google gives out for the key of a service account. */
const keyFile = z.object({
  type: z.literal('service_account'),
  client_email: z.string(),
  private_key: z.string(),
  private_key_id: z.string().optional(),
  project_id: z.string().optional(),
  token_uri: z.url().prefault(GOOGLE_TOKENS),
  universe_domain: z.string().optional(),
});

/** The credentials of a service account’s key file, or those that the surroundings offer; rejects if the file is none. */
export async function credentialsOf(
  { file, projectId }: { file: string | undefined; projectId: string | undefined },
  timeout: number,
): Promise<GoogleAuth> {
  const { GoogleAuth, JWT } = await import('google-auth-library');
  const project = projectId ? { projectId } : {};
  if (!file) {
    return new GoogleAuth({ scopes: SCOPES, ...project, clientOptions: { transporterOptions: { timeout } } });
  }
  const key = keyFile.parse(JSON.parse(await readFile(file, 'utf8')));
  const tokens = new URL(key.token_uri);
  const authClient = new JWT({
    email: key.client_email,
    key: key.private_key,
    scopes: SCOPES,
    // The library asks Google for tokens, and names Google in its assertion, whatever the file says.
    additionalClaims: { aud: key.token_uri },
    transporterOptions: {
      timeout,
      adapter: (options, send) =>
        send(String(options.url) === GOOGLE_TOKENS ? { ...options, url: tokens } : options),
    },
    ...(key.private_key_id && { keyId: key.private_key_id }),
    ...(key.universe_domain && { universeDomain: key.universe_domain }),
  });
  const auth = new GoogleAuth({ authClient, scopes: SCOPES, ...project });
  // It would look for the account’s name on a metadata server else.
  auth.jsonContent = key as NonNullable<GoogleAuth['jsonContent']>;
  return auth;
}
