import { registerEnumType } from 'type-graphql';

/** Where the bytes live; stored under the lower-case names. */
export enum StorageProvider {
  LOCAL = 'local',
  AWS = 'aws',
  GCP = 'gcp',
  AZURE = 'azure',
}

/** The life of an upload; clients meet only COMPLETED ones in lists. */
export enum UploadStatus {
  PENDING = 'PENDING',
  UPLOADING = 'UPLOADING',
  COMPLETED = 'COMPLETED',
  FAILED = 'FAILED',
  CANCELLED = 'CANCELLED',
}

/** What became of the content after it was stored. */
export enum ProcessingStatus {
  PENDING = 'PENDING',
  PROCESSING = 'PROCESSING',
  COMPLETED = 'COMPLETED',
  FAILED = 'FAILED',
}

registerEnumType(StorageProvider, {
  name: 'StorageProvider',
  description: 'Where the bytes live.',
  valuesConfig: {
    LOCAL: { description: 'A directory of the server.' },
    AWS: { description: 'AWS S3 or a compatible service.' },
    GCP: { description: 'Google Cloud Storage.' },
    AZURE: { description: 'Azure Blob Storage.' },
  },
});

registerEnumType(UploadStatus, {
  name: 'UploadStatus',
  description: 'The life of an upload.',
  valuesConfig: {
    PENDING: { description: 'Announced; no byte has come yet.' },
    UPLOADING: { description: 'Bytes are coming in.' },
    COMPLETED: { description: 'All bytes are stored and checked.' },
    FAILED: { description: 'Ended with an error; what it left is being removed.' },
    CANCELLED: { description: 'Ended by the client; what it left is being removed.' },
  },
});

registerEnumType(ProcessingStatus, {
  name: 'ProcessingStatus',
  description: 'What became of the content after it was stored.',
  valuesConfig: {
    PENDING: { description: 'Waits for processing.' },
    PROCESSING: { description: 'Is being processed.' },
    COMPLETED: { description: 'Nothing is left to do.' },
    FAILED: { description: 'Processing gave up; the content itself is unharmed.' },
  },
});
