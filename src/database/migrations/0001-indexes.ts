import type { Migration } from '../migration.ts';

/** Makes the collections and the indexes that the classes declare. */
export const migration: Migration = {
  name: '0001-indexes',
  async up(collections) {
    for (const model of Object.values(collections)) {
      await model.createCollection();
      await model.createIndexes();
    }
  },
};
