import type { Migration } from '../migration.ts';

/** Makes what came with mail, API keys, the audit trail, rate limits, encryption and scanning: collections and indexes. */
export const migration: Migration = {
  name: '0003-protection',
  async up({ users, files, blobs, apiKeys, auditEvents, outbox, avatars, rateCounts }) {
    for (const model of [apiKeys, auditEvents, outbox, avatars, rateCounts]) {
      await model.createCollection();
      await model.createIndexes();
    }
    for (const model of [users, files, blobs]) await model.createIndexes();
  },
};
