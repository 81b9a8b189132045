import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import jwt from 'jsonwebtoken';
import { serve } from '../lib/processes.mjs';

const CHUNK = Buffer.alloc(256 * 1024, 'bare');

/** An access token for a service account's key, by RFC 7523. */
async function tokenOf(key) {
  const scope = 'https://www.googleapis.com/auth/devstorage.read_write';
  const options = { algorithm: 'RS256', issuer: key.client_email, audience: key.token_uri, expiresIn: 3600 };
  const assertion = jwt.sign({ scope }, key.private_key, { ...options, keyid: key.private_key_id });
  const grant = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion };
  const response = await fetch(key.token_uri, { method: 'POST', body: new URLSearchParams(grant) });
  const { access_token: token } = await response.json();
  if (!token) throw new Error('The token endpoint gave no token.');
  return token;
}

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
    const { OAuth2Client } = await import('google-auth-library');
    const key = JSON.parse(await readFile(env.GCP_KEY_FILE, 'utf8'));
    // The SDK asks Google alone for tokens, whatever the key file says of where to ask.
    const authClient = new OAuth2Client();
    const token = await tokenOf(key);
    authClient.setCredentials({ access_token: token, expiry_date: Date.now() + 3_600_000 });
    const storage = new Storage({
      apiEndpoint: env.GCP_API_ENDPOINT,
      projectId: env.GCP_PROJECT_ID ?? key.project_id,
      authClient,
      useAuthWithCustomEndpoint: true,
    });
    // Its resumable uploads know nothing of that option and send no token by themselves.
    storage.interceptors.push({
      request: (options) => ({
        ...options,
        headers: { ...options.headers, authorization: `Bearer ${token}` },
      }),
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
  if (kind === 'serve') return { origin: await serveDownloads() };
  const started = performance.now();
  if (kind === 'upload') await sdk.upload(key, contentOf(bytes));
  else await drain(await sdk.download(key), bytes);
  return { seconds: (performance.now() - started) / 1000 };
});

/** The least server that hands the SDK’s stream on; the path of a request is the key. */
async function serveDownloads() {
  const server = createServer(async ({ url }, response) => {
    const stream = await sdk.download(url.slice(1));
    pipeline(stream, response).catch(() => response.destroy());
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return `http://127.0.0.1:${server.address().port}`;
}

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
