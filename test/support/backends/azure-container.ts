import { randomBytes } from 'node:crypto';
import { BlobServiceClient } from '@azure/storage-blob';
import type { Backend } from '../backend.ts';

/** Makes a container on the server of TEST_AZURE_CONNECTION_STRING. */
export async function newAzureContainer(): Promise<Backend> {
  const connection = process.env.TEST_AZURE_CONNECTION_STRING;
  if (!connection) {
    throw new Error('TEST_AZURE_CONNECTION_STRING is not set: no server of Azure Blob Storage was started.');
  }
  const container = `container-${randomBytes(8).toString('hex')}`;
  const service = BlobServiceClient.fromConnectionString(connection);
  await service.createContainer(container);
  const { origin } = new URL(service.url);
  const variables = (text: string) => ({ AZURE_STORAGE_CONNECTION_STRING: text, AZURE_CONTAINER: container });
  return {
    provider: 'azure',
    env: variables(connection),
    origin,
    foreign: variables(connection.replace(/(?<=AccountKey=)[^;]+/, randomBytes(64).toString('base64'))),
    at: (other) => variables(connection.replaceAll(origin, other)),
  };
}
