const MiB = 2 ** 20;
// What one put may hold by its contract is 64 MiB; the rest of it is for what comes while no part has room.
const PARTS_MEMORY = 62 * MiB;
// What all puts of the process share, so that a crowd of them needs hardly more than a few.
const SHARED_MEMORY = 64 * MiB;

/**
 * How large the parts of an upload must be, in bytes: the configured size, or more where up to `atMost` bytes would
 * not fit into the most parts that the provider takes. Whole MiB.
 */
export function partSizeFor(configured: number, atMost: number | undefined, mostParts: number): number {
  if (!atMost || atMost <= configured * mostParts) return configured;
  return Math.ceil(atMost / mostParts / MiB) * MiB;
}

/**
 * How many parts of this size one of `puts` puts holds at once, at most: those on their way and the one that is being
 * filled, within 62 MiB and within its share of 64 MiB; at least one, which is then filled and sent in turn.
 */
export function partsHeld(partSize: number, partsInFlight: number, puts: number): number {
  const parts = Math.floor(Math.min(PARTS_MEMORY, SHARED_MEMORY / puts) / partSize);
  return Math.max(1, Math.min(partsInFlight + 1, parts));
}
