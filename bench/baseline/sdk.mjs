import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { serve } from '../lib/processes.mjs';

const CHUNK = Buffer.alloc(256 * 1024, 'bare');

/** Each provider's own SDK as its guide shows it: upload a stream of unknown length, download a stream. */
const SDKS = {
  async aws(env) {
    const { GetObjectCommand, S3Client } = await import('@aws-sdk/client-s3');
    const { Upload } = await import('@aws-sdk/lib-storage');
    const client = new S3Client({
      region: env.AWS_REGION ?? 'us-east-1',
      endpoint: env.AWS_S3_ENDPOINT,
      forcePathStyle: true,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY },
    });
    const Bucket = env.AWS_S3_BUCKET;
    return {
      upload: (Key, Body) => new Upload({ client, params: { Bucket, Key, Body } }).done(),
      download: async (Key) => (await client.send(new GetObjectCommand({ Bucket, Key }))).Body,
    };
  },
  async gcp(env) {
    const { Storage } = await import('@google-cloud/storage');
    const { JWT } = await import('google-auth-library');
    const { readFile } = await import('node:fs/promises');
    const key = JSON.parse(await readFile(env.GCP_KEY_FILE, 'utf8'));
    // With an endpoint of its own the SDK sends no token, unless it is given somebody who does.
    const authClient = new JWT({ scopes: ['https://www.googleapis.com/auth/devstorage.read_write'] });
    authClient.fromJSON(key);
    const storage = new Storage({
      apiEndpoint: env.GCP_API_ENDPOINT,
      projectId: env.GCP_PROJECT_ID ?? key.project_id,
      authClient,
      useAuthWithCustomEndpoint: true,
    });
    const bucket = storage.bucket(env.GCP_BUCKET);
    return {
      upload: (name, body) => pipeline(body, bucket.file(name).createWriteStream({ resumable: true })),
      download: async (name) => bucket.file(name).createReadStream(),
    };
  },
  async azure(env) {
    const { BlobServiceClient } = await import('@azure/storage-blob');
    const service = BlobServiceClient.fromConnectionString(env.AZURE_STORAGE_CONNECTION_STRING);
    const container = service.getContainerClient(env.AZURE_CONTAINER);
    return {
      upload: (name, body) => container.getBlockBlobClient(name).uploadStream(body),
      download: async (name) => (await container.getBlobClient(name).download()).readableStreamBody,
    };
  },
};

let sdk;

serve(async ({ kind, provider, env, key, bytes }) => {
  sdk ??= await SDKS[provider](env);
  const started = performance.now();
  if (kind === 'upload') await sdk.upload(key, contentOf(bytes));
  else await drain(await sdk.download(key), bytes);
  return { seconds: (performance.now() - started) / 1000 };
});

function contentOf(bytes) {
  let left = bytes;
  return new Readable({
    read() {
      const chunk = CHUNK.subarray(0, Math.min(left, CHUNK.length));
      left -= chunk.length;
      this.push(chunk.length > 0 ? chunk : null);
    },
  });
}

async function drain(stream, bytes) {
  let received = 0;
  const sink = new Writable({
    write(chunk, _encoding, done) {
      received += chunk.length;
      done();
    },
  });
  await pipeline(stream, sink);
  if (received !== bytes) throw new Error(`${received} bytes came instead of ${bytes}.`);
}
