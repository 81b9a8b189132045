import type { Migration } from '../migration.ts';
import { dropTextIndex, fillWords } from './word-fill.ts';

/** Makes what came with folders, shares, versions, previews and live updates: collections and indexes; files get their words. */
export const migration: Migration = {
  name: '0004-sharing',
  async up(collections) {
    const { folders, grants, linkDeliveries, shares, uploadRequests } = collections;
    const { uploadStates, webhooks, webhookDeliveries, jobs } = collections;
    for (const model of [
      folders,
      grants,
      linkDeliveries,
      shares,
      uploadRequests,
      uploadStates,
      webhooks,
      webhookDeliveries,
      jobs,
    ]) {
      await model.createCollection();
      await model.createIndexes();
    }
    await fillWords(collections.files);
    await dropTextIndex(collections.files);
    for (const model of [collections.files, collections.blobs]) await model.createIndexes();
  },
};
