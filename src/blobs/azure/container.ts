import { Agent } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import type { TokenCredential } from '@azure/identity';
import type {
  AnonymousCredential,
  BlobSASSignatureValues,
  BlobServiceClient,
  ContainerClient,
  StoragePipelineOptions,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { delegatedSigner } from './delegated-signer.ts';

/** What tells a client where the container is and who asks. */
export interface Access {
  connectionString: string | undefined;
  account: string | undefined;
  key: string | undefined;
  endpoint: string | undefined;
  container: string;
}

/** What the answer to a signed request says of itself, in place of what is stored with the object. */
export type AnswerHeaders = Pick<BlobSASSignatureValues, 'contentType' | 'contentDisposition'>;

/**
 * Signs the address of one object for what a client may do there, in the letters of the service, and for so many
 * seconds; resolves with the query of the address.
 */
export type Signer = (
  key: string,
  may: string,
  expiresInSeconds: number,
  answer: AnswerHeaders,
) => Promise<string>;

type Sdk = typeof import('@azure/storage-blob');
type KnownCredential = StorageSharedKeyCredential | AnonymousCredential;

/** The client of one container. */
export class AzureContainer {
  readonly client: ContainerClient;
  readonly sign: Signer;
  readonly #agent: Agent;

  constructor(client: ContainerClient, sign: Signer, agent: Agent) {
    this.client = client;
    this.sign = sign;
    this.#agent = agent;
  }

  /** Gives back every connection. */
  close(): void {
    this.#agent.destroy();
  }
}

/** Makes the client; nothing is asked of the service yet. */
export async function connect(access: Access): Promise<AzureContainer> {
  const sdk = await import('@azure/storage-blob');
  const { url, credential } = await whereAndWho(access, sdk);
  const agent = agentFor(url);
  const service = new sdk.BlobServiceClient(url, credential, through(agent));
  const signValues = signerOf(credential, service, sdk);
  const sign: Signer = async (blobName, may, expiresInSeconds, answer) =>
    signValues({
      ...answer,
      blobName,
      containerName: access.container,
      permissions: sdk.BlobSASPermissions.parse(may),
      expiresOn: new Date(Date.now() + expiresInSeconds * 1_000),
      protocol: url.startsWith('https:') ? sdk.SASProtocol.Https : sdk.SASProtocol.HttpsAndHttp,
    });
  return new AzureContainer(service.getContainerClient(access.container), sign, agent);
}

async function whereAndWho({ connectionString, account, key, endpoint }: Access, sdk: Sdk) {
  if (connectionString) {
    const told = sdk.BlobServiceClient.fromConnectionString(connectionString);
    // A connection string never stands for an identity.
    return { url: told.url, credential: told.credential as KnownCredential };
  }
  if (!account) throw new Error('The storage account is not named.');
  const url = endpoint ?? `https://${account}.blob.core.windows.net`;
  if (key) return { url, credential: new sdk.StorageSharedKeyCredential(account, key) };
  const { DefaultAzureCredential } = await import('@azure/identity');
  return { url, credential: new DefaultAzureCredential() };
}

function signerOf(
  credential: KnownCredential | TokenCredential,
  client: BlobServiceClient,
  sdk: Sdk,
): (values: BlobSASSignatureValues) => Promise<string> {
  if (credential instanceof sdk.StorageSharedKeyCredential) {
    return async (values) => sdk.generateBlobSASQueryParameters(values, credential).toString();
  }
  if (!(credential instanceof sdk.AnonymousCredential)) return delegatedSigner(client, sdk);
  return async () => {
    throw new Error('The connection string has no key to sign with.');
  };
}

// How many connections there are is bounded by the calls.
function agentFor(url: string): Agent {
  const options = { keepAlive: true };
  return url.startsWith('https:') ? new SecureAgent(options) : new Agent(options);
}

/** The SDK hands an agent on to its pipeline, although its types do not say so; trying again is ours. */
function through(agent: Agent): StoragePipelineOptions {
  return { agent, retryOptions: { maxTries: 1 } } as StoragePipelineOptions;
}
