import type { Facts } from './bounded-facts.ts';

/** Facts of a content. */
export interface ContentMetadata {
  /** Pixels, as it is to be looked at: upright. */
  width?: number;
  height?: number;
  /** Seconds. */
  duration?: number;
  /** Bits per second. */
  bitrate?: number;
  /** What it is coded with; of a film its pictures. */
  codec?: string;
  /** What else its kind has: texts and numbers, 16 KiB at most. */
  extra?: Facts;
}

/** The facts that are there. */
export function knownFacts(
  facts: {
    [Name in keyof ContentMetadata]: ContentMetadata[Name] | null;
  },
): ContentMetadata {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== null));
}
