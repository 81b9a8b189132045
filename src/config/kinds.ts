import { z } from 'zod';

/** Entries separated by commas; spaces around them do not count. */
export const list = z.string().transform((text) =>
  text
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean),
);

/** An origin as browsers write it. */
export const origin = z
  .string()
  .regex(/^https?:\/\/[^/\s]+$/, 'must be an origin such as https://files.example.org, without a path');
