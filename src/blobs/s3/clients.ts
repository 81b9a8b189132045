import type { S3, S3ClientConfig } from '@aws-sdk/client-s3';
import type { NodeHttpHandlerOptions } from '@smithy/node-http-handler';
import { CALLS_AT_ONCE } from '../transfer/slots.ts';
import type { TransferSettings } from '../variables.ts';

const MOST_TRIES = 3;

/** What a client of S3 is made of. */
export interface S3Settings extends TransferSettings {
  AWS_ACCESS_KEY_ID?: string | undefined;
  AWS_SECRET_ACCESS_KEY?: string | undefined;
  AWS_REGION: string;
  AWS_S3_ENDPOINT?: string | undefined;
  AWS_S3_FORCE_PATH_STYLE: boolean;
}

/** The clients of one service, which differ in what they wait for. */
export interface S3Clients {
  /** For what carries no contents. */
  readonly calls: S3;
  /** For contents that come; it does not watch over the answer's body, which a slow reader may leave waiting. */
  readonly downloads: S3;
  /** For contents that go. */
  readonly uploads: S3;
}

/** Loads the SDK and makes the clients; asks the service for nothing. */
export async function makeClients(settings: S3Settings): Promise<S3Clients> {
  const [{ S3 }, { NodeHttpHandler }, http, https] = await Promise.all([
    import('@aws-sdk/client-s3'),
    import('@smithy/node-http-handler'),
    import('node:http'),
    import('node:https'),
  ]);
  const config = configOf(settings);
  const timeout = settings.STORAGE_TIMEOUT_SECONDS * 1_000;
  const client = (maxSockets: number, options: NodeHttpHandlerOptions) => {
    const requestHandler = new NodeHttpHandler({
      httpAgent: new http.Agent({ keepAlive: true, maxSockets }),
      httpsAgent: new https.Agent({ keepAlive: true, maxSockets }),
      connectionTimeout: timeout,
      throwOnRequestTimeout: true,
      // It would warn on the console of every short queue.
      logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
      ...options,
    });
    return new S3({ ...config, requestHandler });
  };
  return {
    calls: client(CALLS_AT_ONCE, { requestTimeout: timeout, socketTimeout: timeout }),
    downloads: client(settings.STORAGE_CONNECTIONS, { requestTimeout: timeout, socketTimeout: 0 }),
    uploads: client(settings.STORAGE_CONNECTIONS, { socketTimeout: timeout }),
  };
}

function configOf(settings: S3Settings): S3ClientConfig {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = settings;
  return {
    region: settings.AWS_REGION,
    forcePathStyle: settings.AWS_S3_FORCE_PATH_STYLE,
    ...(settings.AWS_S3_ENDPOINT ? { endpoint: settings.AWS_S3_ENDPOINT } : {}),
    ...(accessKeyId && secretAccessKey ? { credentials: { accessKeyId, secretAccessKey } } : {}),
    retryMode: 'standard',
    maxAttempts: MOST_TRIES,
    // Compatible servers do not all know these checksums, and in a signed URL they would be those of an empty body.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
  };
}
