import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Backend } from '../backend.ts';
import { readAccount, tokenOf } from './gcs-account.ts';

/** Makes a bucket on the server of TEST_GCS_ENDPOINT. */
export async function newGcsBucket(): Promise<Backend> {
  const origin = needed('TEST_GCS_ENDPOINT');
  const keyFile = needed('TEST_GCS_KEY_FILE');
  const project = needed('TEST_GCS_PROJECT_ID');
  const bucket = `bucket-${randomBytes(8).toString('hex')}`;
  const made = await fetch(`${origin}/storage/v1/b?project=${project}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await tokenOf(await readAccount(keyFile))}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ name: bucket }),
  });
  if (!made.ok) throw new Error(await made.text());
  const env = {
    GCP_PROJECT_ID: project,
    GCP_BUCKET: bucket,
    GCP_KEY_FILE: keyFile,
    GCP_API_ENDPOINT: origin,
  };
  return {
    provider: 'gcp',
    env,
    origin,
    foreign: { ...env, GCP_KEY_FILE: await strangerKeyFile(keyFile) },
    at: (other) => ({ ...env, GCP_API_ENDPOINT: other }),
  };
}

function needed(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: no server of Google Cloud Storage was started.`);
  return value;
}

/** The file of an account that the server knows, with a key that it does not. */
async function strangerKeyFile(keyFile: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const private_key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const path = join(dirname(keyFile), `stranger-${randomBytes(8).toString('hex')}.json`);
  await writeFile(path, JSON.stringify({ ...(await readAccount(keyFile)), private_key }), { mode: 0o600 });
  return path;
}
