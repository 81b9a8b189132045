import type { Migration } from '../migration.ts';

/** Makes what came with several providers: the leases, and the indexes by which copies of blobs are found. */
export const migration: Migration = {
  name: '0002-copies',
  async up({ blobs, leases }) {
    await leases.createCollection();
    await blobs.createIndexes();
  },
};
