import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createServer } from '../../src/app/server.ts';
import { createServices } from '../../src/app/services.ts';
import { openStores } from '../../src/blobs/stores.ts';
import { readConfig } from '../../src/config.ts';
import { Metrics } from '../../src/http/metrics.ts';
import { ObjectId } from '../../src/models/object-id.ts';
import { NO_LIMITS } from '../../src/services/limits/rate-limits.ts';
import { commandsOf } from '../support/commands.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { fileOf, insert } from '../support/listed-files.ts';

let database: TestDatabase;
let app: FastifyInstance;
let folder: string;
let token: string;
let userId: ObjectId;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imaginary-storage-counts-'));
  database = await openTestDatabase();
  const config = readConfig({ UPLOAD_PATH: folder, GRAPHQL_PLAYGROUND: 'false' });
  const log = pino({ level: 'silent' });
  const metrics = new Metrics();
  const wired = createServices({
    config,
    collections: database.collections,
    stores: await openStores(['local'], null, config),
    limits: NO_LIMITS,
    secrets: ['a secret for tests, long enough to be one'],
    metrics,
    log,
    baseUrl: () => 'http://localhost',
  });
  const parts = { config, wired, metrics, log, checks: {}, stopping: () => false, assetsDirectory: '' };
  app = await createServer(parts);
  const input = { username: 'owner', email: 'owner@example.org', password: 'correct horse' };
  const { user, tokens } = await wired.services.accounts.register(input, { ip: null, userAgent: null });
  token = tokens.accessToken;
  userId = user._id;

  const owners = Array.from({ length: 30 }, (_, i) => ({
    ...{ _id: new ObjectId(), username: `owner_${i}`, email: `owner_${i}`, password: '!', role: 'USER' },
    ...{ isActive: true, isEmailVerified: false, usedBytes: 0, createdAt: new Date(), updatedAt: new Date() },
  }));
  await database.collections.users.collection.insertMany(owners as never);
  const isPublic = true;
  await insert(database.collections, [
    ...Array.from({ length: 120 }, () => fileOf(userId, 'own.txt')),
    ...owners.flatMap(({ _id }) => Array.from({ length: 4 }, () => fileOf(_id, 'public.txt', { isPublic }))),
  ]);
});
afterAll(async () => {
  await app?.close();
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

const NODE = `id originalName fileSize tags downloadUrl thumbnailUrl encryption { isEncrypted }
  owner { id username firstName avatarUrl }`;

async function run(query: string) {
  let answer = {
    data: {} as Record<string, { nodes: { owner: { username: string } }[] }>,
    errors: undefined,
  };
  const commands = await commandsOf(database.connection, async () => {
    const headers = { authorization: `Bearer ${token}` };
    answer = (await app.inject({ method: 'POST', url: '/graphql', headers, payload: { query } })).json();
  });
  expect(answer.errors).toBeUndefined();
  return { data: answer.data, commands: commands.map((command) => Object.entries(command)[0]?.join(' ')) };
}

describe('A list of 100 files with their owners', () => {
  it('of the viewer takes three queries, whatever else is asked of each file: for them, their owners and their pictures', async () => {
    await run('{ me { id } }');
    const { data, commands } = await run(
      `{ files(first: 100) { nodes { ${NODE} } edges { cursor } pageInfo { endCursor } } }`,
    );
    expect(data.files?.nodes).toHaveLength(100);
    expect(commands).toEqual(['find files', 'find users', 'find blobs']);
  });

  it('of thirty others takes as many', async () => {
    const { data, commands } = await run(`{ publicFiles(first: 100) { nodes { ${NODE} } } }`);
    const names = data.publicFiles?.nodes.map(({ owner }) => owner.username);
    expect(new Set(names).size).toBeGreaterThan(20);
    expect(commands).toEqual(['find files', 'find users', 'find blobs']);
  });

  it('is counted only when somebody asks for its count', async () => {
    expect((await run('{ files(first: 1) { totalCount } }')).commands).toEqual([
      'find files',
      'aggregate files',
    ]);
  });
});
