import { randomBytes } from 'node:crypto';
import { S3 } from '@aws-sdk/client-s3';
import type { Backend } from '../backend.ts';

/** A new bucket on the run's S3 server. */
export async function newS3Bucket(): Promise<Backend> {
  const [endpoint, accessKeyId, secretAccessKey] = [
    variable('TEST_S3_ENDPOINT'),
    variable('TEST_S3_ACCESS_KEY_ID'),
    variable('TEST_S3_SECRET_ACCESS_KEY'),
  ];
  const bucket = `test-${randomBytes(8).toString('hex')}`;
  const credentials = { accessKeyId, secretAccessKey };
  const s3 = new S3({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  await s3.createBucket({ Bucket: bucket });
  s3.destroy();

  const env = {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: 'us-east-1',
    AWS_S3_BUCKET: bucket,
    AWS_S3_ENDPOINT: endpoint,
    AWS_S3_FORCE_PATH_STYLE: 'true',
  };
  return {
    provider: 'aws',
    env,
    origin: new URL(endpoint).origin,
    foreign: { ...env, AWS_SECRET_ACCESS_KEY: `${secretAccessKey}-of-another` },
    at: (origin) => ({ ...env, AWS_S3_ENDPOINT: origin }),
  };
}

function variable(name: string): string {
  const value = process.env[name];
  if (!value)
    throw new Error(`${name} is not set: run the tests with vitest, whose global setup starts a server`);
  return value;
}
