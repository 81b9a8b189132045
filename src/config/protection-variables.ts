import { z } from 'zod';
import { bytes, flag, whole } from '../blobs/variables.ts';
import { list } from './kinds.ts';

const LIMIT_CHANGE = /^[a-z-]+=(?:off|\d{1,9}\/\d{1,9})$/;
const MASTER_KEY = /^[\w.-]{1,64}:[A-Za-z0-9+/]{43}=$/;

const nameOf = (key: string) => key.slice(0, key.indexOf(':'));
const secretOf = (key: string) => key.slice(key.indexOf(':') + 1);
const isEachOnce = (texts: readonly string[]) => new Set(texts).size === texts.length;

/** The variables of what protects the service: limits, encryption, scanning and the audit trail. */
export const PROTECTION_VARIABLES = {
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, 'must begin with redis:// or rediss://')
    .optional()
    .describe('A Redis server that keeps the counts of the rate limits; without it MongoDB does.'),
  RATE_LIMITS: list
    .pipe(z.array(z.string().regex(LIMIT_CHANGE, 'must name limits as `name=points/seconds` or `name=off`')))
    .prefault('')
    .describe('Changes to the rate limits, separated by commas, such as `api=3000/60` or `register=off`.'),
  MAX_UPLOADS_PER_USER: whole(1, 10_000)
    .prefault('64')
    .describe('The most files that one account may be sending at once.'),
  MAX_UPLOADS: whole(1, 100_000).prefault('512').describe('The most files that may come in at once.'),
  MAX_CONNECTIONS: whole(1, 1_000_000)
    .prefault('10000')
    .describe('The most connections that are open at once; further ones are closed.'),
  UPLOAD_MIN_RATE: bytes
    .prefault('1KiB')
    .describe('The least bytes a second, over a minute, that a request body must come with; 0 is any.'),
  TRUSTED_DOCUMENTS: z
    .string()
    .optional()
    .describe('A file of GraphQL documents, or a folder of such files: then nothing else runs.'),
  ENCRYPTION_KEYS: list
    .pipe(z.array(z.string().regex(MASTER_KEY, 'must be names with 32 bytes in base64, as `name:base64`')))
    .refine((keys) => isEachOnce(keys.map(nameOf)), 'must not give two keys one name')
    .refine((keys) => isEachOnce(keys.map(secretOf)), 'must not give one key two names')
    .prefault('')
    .describe('Master keys as `name:base64`, separated by commas: the first encrypts new contents.'),
  CLAMAV_HOST: z.string().optional().describe('The host of a clamd that scans every upload for viruses.'),
  CLAMAV_PORT: whole(1, 65_535).prefault('3310').describe('The port of that clamd.'),
  CLAMAV_SOCKET: z.string().optional().describe('The unix socket of a clamd, instead of a host.'),
  VIRUS_SCAN_POLICY: z
    .enum(['fail-closed', 'scan-later'])
    .prefault('fail-closed')
    .describe(
      'What becomes of an upload that cannot be scanned now: it is refused, or it waits for a later scan.',
    ),
  AUDIT_RETENTION_DAYS: whole(1, 36_500)
    .prefault('365')
    .describe('After how long an event of the audit trail is removed.'),
  REQUIRE_VERIFIED_EMAIL: flag
    .prefault('false')
    .describe('Whether an account must have verified its address before it may upload or share.'),
};
