import { randomBytes } from 'node:crypto';
import { glob, rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backend } from '../../support/backend.ts';
import { newAzureContainer } from '../../support/backends/azure-container.ts';
import { objectsIn } from '../../support/backends/azure-objects.ts';
import { newGcsBucket } from '../../support/backends/gcs-bucket.ts';
import { newS3Bucket } from '../../support/backends/s3-bucket.ts';
import { gql } from '../../support/client.ts';
import { expectFailure } from '../../support/failed-command.ts';
import { Site } from '../../support/nodes/move-site.ts';

const MIB = 1024 * 1024;

describe('A move to Azure', () => {
  let container: Backend;
  let site: Site;
  beforeAll(async () => {
    container = await newAzureContainer();
    site = await Site.open(container);
    for (let i = 0; i < 11; i += 1) await site.add(randomBytes(i === 5 ? 12 * MIB : MIB + i));
    await site.add(Buffer.alloc(0));
  });
  afterAll(() => site.close());

  test('says beforehand how much there is', async () => {
    const { stdout, code } = await site.command(...site.move('--dry-run'));
    expect([stdout, code]).toEqual(['12 blobs (22.0 MiB) would be moved from local to azure.\n', 0]);
    const user = site.owner.username;
    expect((await site.command(...site.move('--dry-run', '--user', user))).stdout).toContain('12 blobs');
    expect((await site.command(...site.move('--dry-run', '--older-than', '1d'))).stdout).toContain('0 blobs');
    expect((await site.held()).moved).toBe(0);
  });

  test('refuses what makes no sense, with one line and 2', async () => {
    for (const [args, message] of [
      [['--from', 'local', '--to', 'local'], 'same provider'],
      [['--from', 'local', '--to', 'gcp'], 'not configured'],
      [['--from', 'local', '--to', 'azure', '--rate', 'fast'], '50MiB'],
      [['--from', 'local', '--to', 'azure', '--older-than', 'long'], '30d'],
      [['--from', 'local'], '--to'],
    ] as const) {
      const run = await site.command('storage', 'move', ...args);
      expectFailure(run, 2, message);
    }
  });

  test('that is killed midway while everything is downloaded harms no download, and goes on when it is begun again', {
    timeout: 240_000,
  }, async () => {
    const end = site.downloading();
    try {
      const killed = site.begin(...site.move('--rate', '2MiB'));
      await site.until(({ moved }) => moved > 1, 'a part of the move');
      killed.kill('SIGKILL');
      expect((await killed.ended).code).toBeNull();
      expect((await site.held()).moved).toBeLessThan(12);

      expectFailure(await site.command(...site.move()), 1, 'another');
      // The dead one’s lease runs out by itself.
      await pause(16_000);
      const stopped = site.begin(...site.move('--rate', '1MiB'));
      await pause(3_000);
      stopped.kill('SIGINT');
      expect((await stopped.ended).code).toBe(130);

      const again = await site.command(...site.move());
      expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('Moved') });
      await site.until(({ local }) => local.length === 0, 'an empty source');
    } finally {
      const { failures, reads } = await end();
      expect([failures, reads > 24]).toEqual([[], true]);
    }
  });

  test('leaves every content whole, every file told, and nothing else at either side', async () => {
    await site.age();
    expect((await site.command('jobs', 'run', 'leftovers')).code).toBe(0);
    const { blobs, local, leftovers, told } = await site.held();
    expect([local, leftovers, told]).toEqual([[], [], ['azure']]);
    const keys = blobs.map(({ key }) => key).sort();
    expect(await objectsIn(container)).toEqual(keys);
    for (const file of site.files) expect(await site.problemWith(file)).toBeNull();
    expect((await site.command(...site.move())).stdout).toContain('Moved 0 blobs');
  });

  test('that is begun twice runs once', { timeout: 120_000 }, async () => {
    await site.add(randomBytes(2 * MIB));
    const [one, other] = [
      site.begin(...site.move('--rate', '1MiB')),
      site.begin(...site.move('--rate', '1MiB')),
    ];
    const ends = await Promise.all([one.ended, other.ended]);
    expect(ends.map(({ code }) => code).sort()).toEqual([0, 1]);
    expect(ends.map(({ stderr }) => stderr).join('')).toContain('another `storage move` is running');
  });

  test('tells of a content that is lost, moves the others and ends with 1', {
    timeout: 120_000,
  }, async () => {
    for (let i = 0; i < 3; i += 1) await site.add(randomBytes(1_000 + i));
    const { blobs } = await site.held();
    const [lost] = blobs.filter(({ provider }) => provider === 'local');
    for await (const path of glob(`${site.server.dataPath}/blobs/**/${lost?.key}`)) await rm(path);
    const run = await site.command(...site.move());
    expect(run.code).toBe(1);
    expect(run.stderr).toContain(`The blob ${lost?._id} could not be moved`);
    expect(run.stdout).toContain('Moved 2 blobs');
    expect(run.stdout).toContain('1 blob could not be moved');
  });
});

describe.each([
  ['aws', newS3Bucket],
  ['gcp', newGcsBucket],
])('A move to %s and back', (provider, newBucket) => {
  let site: Site;
  beforeAll(async () => {
    site = await Site.open(await newBucket());
    for (let i = 0; i < 5; i += 1) await site.add(randomBytes(i * MIB));
  });
  afterAll(() => site.close());

  test('keeps every content', { timeout: 120_000 }, async () => {
    const there = await site.command(...site.move());
    expect(there).toMatchObject({ code: 0, stderr: '' });
    await site.until(({ local }) => local.length === 0, 'an empty source');
    expect((await site.held()).told).toEqual([provider]);
    for (const file of site.files) expect(await site.problemWith(file)).toBeNull();
    const back = await site.command('storage', 'move', '--from', provider, '--to', 'local');
    expect(back).toMatchObject({ code: 0, stdout: expect.stringContaining('Moved 5 blobs') });
    expect((await site.held()).told).toEqual(['local']);
    for (const file of site.files) expect(await site.problemWith(file)).toBeNull();
    const shown = await gql<{ files: { nodes: { storageProvider: string }[] } }>(
      site.server.origin,
      '{ files { nodes { storageProvider } } }',
      {},
      site.owner.token,
    );
    expect(shown.data?.files.nodes.map(({ storageProvider }) => storageProvider)).toEqual(
      Array(5).fill('LOCAL'),
    );
  });
});
