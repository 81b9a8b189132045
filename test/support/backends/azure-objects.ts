import { BlobServiceClient } from '@azure/storage-blob';
import type { Backend } from '../backend.ts';

/** The names of everything that lies in a container that `newAzureContainer` made, half-made blobs included. */
export async function objectsIn({ env }: Backend): Promise<string[]> {
  const service = BlobServiceClient.fromConnectionString(`${env.AZURE_STORAGE_CONNECTION_STRING}`);
  const container = service.getContainerClient(`${env.AZURE_CONTAINER}`);
  const blobs = container.listBlobsFlat({ includeUncommitedBlobs: true });
  return (await Array.fromAsync(blobs)).map(({ name }) => name).sort();
}
