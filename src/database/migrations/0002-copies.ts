import type { Migration } from '../migration.ts';

/** Makes what came with several providers: the leases, and the indexes by which copies of blobs and lost files are found. */
export const migration: Migration = {
  name: '0002-copies',
  async up({ blobs, files, leases }) {
    await leases.createCollection();
    await blobs.createIndexes();
    await files.createIndexes();
  },
};
