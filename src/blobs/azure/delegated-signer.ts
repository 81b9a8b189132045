import type { BlobSASSignatureValues, BlobServiceClient, UserDelegationKey } from '@azure/storage-blob';

const HOUR = 3_600_000;
// The service gives none for longer than seven days.
const LONGEST = 7 * 24 * HOUR - HOUR;
const SKEW = 5 * 60_000;
const PATIENCE_MS = 60_000;

/**
 * Signs addresses for an identity that has no key of the account: with a key that the service gives it for a time.
 * That key is kept, and replaced in time for every address to work as long as it says.
 */
export function delegatedSigner(
  client: BlobServiceClient,
  sdk: Pick<typeof import('@azure/storage-blob'), 'generateBlobSASQueryParameters'>,
): (values: BlobSASSignatureValues) => Promise<string> {
  let asking: Promise<UserDelegationKey> | undefined;

  const keyUntil = async (expiresOn: Date): Promise<UserDelegationKey> => {
    const key = await asking?.catch(() => undefined);
    if (key && key.signedExpiresOn.getTime() - SKEW > expiresOn.getTime()) return key;
    const now = Date.now();
    const lifetime = Math.min(LONGEST, Math.max(24 * HOUR, 2 * (expiresOn.getTime() - now)));
    // A question that nobody answers must not be waited for by everybody after.
    const abortSignal = AbortSignal.timeout(PATIENCE_MS);
    asking = client.getUserDelegationKey(new Date(now - SKEW), new Date(now + lifetime), { abortSignal });
    return asking;
  };

  return async (values) => {
    const key = await keyUntil(values.expiresOn ?? new Date());
    return sdk.generateBlobSASQueryParameters(values, key, client.accountName).toString();
  };
}
