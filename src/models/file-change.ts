import { registerEnumType } from 'type-graphql';

/** What can happen to a file that others are told of. */
export enum FileChangeKind {
  CREATED = 'CREATED',
  UPDATED = 'UPDATED',
  TRASHED = 'TRASHED',
  RESTORED = 'RESTORED',
  PURGED = 'PURGED',
  PROCESSED = 'PROCESSED',
  SHARED = 'SHARED',
}

registerEnumType(FileChangeKind, {
  name: 'FileChangeKind',
  description: 'What happened to a file.',
  valuesConfig: {
    CREATED: { description: 'It is there: uploaded, copied, or back from quarantine.' },
    UPDATED: { description: 'What is said of it, its place or its content changed.' },
    TRASHED: { description: 'It was put into the trash.' },
    RESTORED: { description: 'It was taken out of the trash.' },
    PURGED: { description: 'It was removed for good.' },
    PROCESSED: { description: 'Processing ended: previews and metadata are there, or will not come.' },
    SHARED: { description: 'It was shared, or a share of it was changed or taken back.' },
  },
});
