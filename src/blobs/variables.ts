import { z } from 'zod';

const UNITS: Record<string, number> = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** A variable of bytes, or of KiB, MiB, GiB or TiB. */
export const bytes = z
  .string()
  .regex(/^\d{1,15} ?(?:KiB|MiB|GiB|TiB)?$/, 'must be a whole number of bytes, or of KiB, MiB, GiB or TiB')
  .transform((text) => Number.parseInt(text, 10) * (UNITS[text.replace(/[\d ]/g, '')] ?? 1))
  .refine(Number.isSafeInteger, 'is too large');

/** A variable of a whole number between two others. */
export const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,10}$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= least && value <= most, `must lie between ${least} and ${most}`);

/** A variable that is true or false. */
export const flag = z.stringbool({ error: 'must be true or false' });

/** A variable that is an http or https address. */
export const endpoint = z
  .string()
  .regex(/^https?:\/\/[^\s]+$/, 'must be an address such as https://storage.example.org');

const MiB = 2 ** 20;

/** The variables that every provider behind a network shares. */
export const transferEnv = {
  STORAGE_PART_SIZE: bytes
    .refine((size) => size >= 5 * MiB && size <= 32 * MiB, 'must lie between 5MiB and 32MiB')
    .prefault('5MiB')
    .describe('How large the parts are in which a cloud provider is given a large file, at least.'),
  STORAGE_PARTS_IN_FLIGHT: whole(1, 8)
    .prefault('4')
    .describe(
      'How many parts of one file are on their way to a cloud provider at once; fewer while many files are.',
    ),
  STORAGE_TIMEOUT_SECONDS: whole(1, 600)
    .prefault('30')
    .describe('After how long without an answer, or without a byte, a call to a cloud provider is given up.'),
  STORAGE_CONNECTIONS: whole(2, 1_000)
    .prefault('100')
    .describe('How many connections to a cloud provider carry contents at once, at most.'),
};

/** The values of these variables. */
export type TransferSettings = z.infer<z.ZodObject<typeof transferEnv>>;
