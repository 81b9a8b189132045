import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pino } from 'pino';
import { createServices, type Wired } from '../../../src/app/services.ts';
import { openStores } from '../../../src/blobs/stores.ts';
import { readConfig } from '../../../src/config.ts';
import { Metrics } from '../../../src/http/metrics.ts';
import type { StoredFile } from '../../../src/models/file.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { NO_LIMITS } from '../../../src/services/limits/rate-limits.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { openTestDatabase, type TestDatabase } from '../database.ts';
import { generateFiles, insert } from '../listed-files.ts';
import { QueryPlans } from './query-plans.ts';

/** All services over a database with many files, whose queries are looked at. */
export interface IndexSite {
  readonly database: TestDatabase;
  readonly wired: Wired;
  /** Whose account has files. */
  readonly viewer: Viewer;
  readonly plans: QueryPlans;
  /** Where the store has its bytes. */
  readonly folder: string;
  upload(content: string, facts?: object): Promise<StoredFile>;
  close(): Promise<void>;
}

/** Opens a site of its own, with so many files of ten accounts; the caller closes it. */
export async function openIndexSite({ files = 1500 } = {}): Promise<IndexSite> {
  const folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-indexes-'));
  const database = await openTestDatabase();
  const config = readConfig({ UPLOAD_PATH: folder, BLOB_GRACE_MINUTES: '0', TRASH_RETENTION_DAYS: '3650' });
  const wired = createServices({
    config,
    collections: database.collections,
    stores: await openStores(['local'], null, config),
    limits: NO_LIMITS,
    secrets: ['a secret for tests, long enough to be one'],
    metrics: new Metrics(),
    log: pino({ level: 'silent' }),
    baseUrl: () => '',
  });
  const { accounts, sessions, uploads } = wired.services;
  const input = { username: 'owner', email: 'owner@example.org', password: 'correct horse' };
  const { tokens } = await accounts.register(input, { ip: null, userAgent: null });
  const viewer = await sessions.authenticate(tokens.accessToken);
  const others = Array.from({ length: 9 }, () => new ObjectId());
  if (files > 0) {
    await insert(database.collections, generateFiles([viewer.userId, ...others], files, 11));
  }
  return {
    ...{ database, wired, viewer, folder, plans: new QueryPlans(database.connection) },
    upload(content, facts = {}) {
      const stream = Readable.from([Buffer.from(content)]);
      const part = { filename: `${content}.txt`, mimeType: 'text/plain', stream };
      return uploads.upload(viewer, { open: async () => part }, facts, new AbortController().signal);
    },
    async close() {
      await database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
