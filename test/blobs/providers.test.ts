import { describe, expect, it } from 'vitest';
import { PROVIDER_NAMES, PROVIDERS } from '../../src/blobs/providers.ts';
import { ENVIRONMENT, readConfig } from '../../src/config.ts';
import { StorageProvider } from '../../src/models/file-enums.ts';

const NEEDS: Record<string, Record<string, string>> = {
  local: {},
  aws: { AWS_S3_BUCKET: 'b' },
  gcp: { GCP_BUCKET: 'b' },
  azure: { AZURE_CONTAINER: 'c', AZURE_STORAGE_ACCOUNT: 'a' },
};

describe('Every provider of the registry', () => {
  it('has a name in the API', () => {
    expect([...Object.values(StorageProvider)].sort()).toEqual([...PROVIDER_NAMES].sort());
    for (const name of PROVIDER_NAMES) expect(StorageProvider).toHaveProperty(name.toUpperCase(), name);
  });

  it.each(PROVIDER_NAMES)('%s has all of its variables in the configuration', (name) => {
    expect(Object.keys(ENVIRONMENT)).toEqual(expect.arrayContaining(Object.keys(PROVIDERS[name].env)));
  });

  it.each(PROVIDER_NAMES)('%s is taken with the variables that it needs', (name) => {
    expect(readConfig({ STORAGE_PROVIDER: name, ...NEEDS[name] }).providers).toEqual([name]);
  });

  it.each(PROVIDER_NAMES.filter((name) => name !== 'local'))(
    '%s stops the start without them, by their names',
    (name) => {
      const [first = ''] = Object.keys(NEEDS[name] ?? {});
      for (const use of ['STORAGE_PROVIDER', 'STORAGE_PROVIDERS', 'BACKUP_PROVIDER']) {
        expect(() => readConfig({ [use]: name })).toThrow(`${first} must be set`);
      }
    },
  );
});

describe('The configuration of several providers', () => {
  const s3 = { AWS_S3_BUCKET: 'b' };

  it('lists each once, the one of new blobs first', () => {
    const config = readConfig({ ...s3, STORAGE_PROVIDERS: 'local, aws,local', BACKUP_PROVIDER: 'aws' });
    expect(config.providers).toEqual(['local', 'aws']);
  });

  it.each([
    [{ STORAGE_PROVIDER: 'ftp' }, 'must be one of'],
    [{ STORAGE_PROVIDERS: 'local,ftp' }, 'must be one of'],
    [{ BACKUP_PROVIDER: 'local' }, 'must be another provider'],
    [{ ...s3, STORAGE_PROVIDER: 'aws', AWS_ACCESS_KEY_ID: 'x' }, 'AWS_SECRET_ACCESS_KEY'],
    [{ ...s3, AWS_S3_ENDPOINT: 'minio:9000' }, 'AWS_S3_ENDPOINT'],
    [{ ...s3, AWS_S3_SSE: 'rot13' }, 'AWS_S3_SSE'],
    [{ STORAGE_PART_SIZE: '1MiB' }, 'STORAGE_PART_SIZE'],
    [{ STORAGE_PART_SIZE: '1GiB' }, 'STORAGE_PART_SIZE'],
  ])('refuses %j', (variables, message) => {
    expect(() => readConfig(variables)).toThrow(message);
  });
});
