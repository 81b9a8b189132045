import type { Bucket, StoredObject } from './gcs-buckets.ts';
import { etagOf } from './gcs-media.ts';

/** An object as the JSON API tells it. */
export function resourceOf(stored: StoredObject): Record<string, unknown> {
  const made = stored.made.toISOString();
  return {
    kind: 'storage#object',
    id: `${stored.bucket}/${stored.name}/${stored.generation}`,
    name: stored.name,
    bucket: stored.bucket,
    generation: stored.generation,
    metageneration: stored.metageneration,
    ...(stored.contentType && { contentType: stored.contentType }),
    ...(stored.metadata && { metadata: stored.metadata }),
    storageClass: 'STANDARD',
    size: String(stored.size),
    md5Hash: stored.md5,
    crc32c: stored.crc32c,
    etag: etagOf(stored),
    timeCreated: made,
    updated: made,
    timeStorageClassUpdated: made,
  };
}

/** A bucket as the JSON API tells it. */
export function bucketResourceOf({ name, projectId, made }: Bucket): Record<string, unknown> {
  return {
    kind: 'storage#bucket',
    id: name,
    name,
    projectNumber: String(Buffer.from(projectId).readUIntBE(0, 1)),
    location: 'US',
    storageClass: 'STANDARD',
    timeCreated: made.toISOString(),
    updated: made.toISOString(),
    metageneration: '1',
  };
}

/** The part of an answer that the query’s `fields` names: `a,b` and `items(a,b),c`. */
export function selected(body: Record<string, unknown>, fields: string | null): Record<string, unknown> {
  if (!fields || fields === '*') return body;
  const chosen: Record<string, unknown> = {};
  for (const [, name = '', inner] of fields.matchAll(/([A-Za-z0-9]+)(?:[(/]([^)]*)\)?)?/g)) {
    const value = body[name];
    if (value === undefined) continue;
    if (!inner) chosen[name] = value;
    else if (Array.isArray(value)) chosen[name] = value.map((each) => selected(each, inner));
    else chosen[name] = selected(value as Record<string, unknown>, inner);
  }
  return chosen;
}
