import type { DownloadGrant, UploadAddress, UploadGrant } from '../blob-store.ts';
import type { Encryption, S3Bucket } from './bucket.ts';
import { rethrow } from './errors.ts';

/** What signs the addresses of one bucket’s objects. */
export interface Signing {
  download(key: string, grant: DownloadGrant): Promise<string>;
  upload(key: string, grant: UploadGrant): Promise<UploadAddress>;
}

/** Loads the SDK; signing asks the service for nothing, but may ask where the credentials come from. */
export async function openSigning(bucket: S3Bucket, encryption: Encryption): Promise<Signing> {
  const [{ GetObjectCommand, PutObjectCommand }, { getSignedUrl }] = await Promise.all([
    import('@aws-sdk/client-s3'),
    import('@aws-sdk/s3-request-presigner'),
  ]);
  const { name: Bucket, signer } = bucket;
  return {
    async download(Key, { expiresInSeconds: expiresIn, contentType, contentDisposition }) {
      const answerAs = { ResponseContentType: contentType, ResponseContentDisposition: contentDisposition };
      const command = new GetObjectCommand({ Bucket, Key, ...answerAs });
      return getSignedUrl(signer, command, { expiresIn }).catch(rethrow);
    },
    async upload(Key, { expiresInSeconds: expiresIn, size }) {
      const command = new PutObjectCommand({ Bucket, Key, ContentLength: size, ...encryption });
      // Headers are signed but for those that proxies may change, as the length is thought to be.
      const signableHeaders = new Set(['content-length']);
      const url = await getSignedUrl(signer, command, { expiresIn, signableHeaders }).catch(rethrow);
      return { method: 'PUT', url, headers: headersOf(encryption) };
    },
  };
}

function headersOf({ ServerSideEncryption, SSEKMSKeyId }: Encryption): Record<string, string> {
  const name = 'x-amz-server-side-encryption';
  return {
    ...(ServerSideEncryption ? { [name]: ServerSideEncryption } : {}),
    ...(SSEKMSKeyId ? { [`${name}-aws-kms-key-id`]: SSEKMSKeyId } : {}),
  };
}
