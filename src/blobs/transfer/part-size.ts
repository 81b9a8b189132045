const MiB = 2 ** 20;
// What one put may hold by its contract is 64 MiB; the rest of it is for what comes while no part has room.
const PARTS_MEMORY = 62 * MiB;

/**
 * How large the parts of an upload must be, in bytes: the configured size, or more where up to `atMost` bytes would
 * not fit into the most parts that the provider takes. Whole MiB.
 */
export function partSizeFor(configured: number, atMost: number | undefined, mostParts: number): number {
  const needed = Math.ceil((atMost ?? 0) / mostParts / MiB) * MiB;
  return Math.max(configured, needed);
}

/**
 * How many parts of this size one put holds at once, at most: those on their way and the one that is being filled, but
 * within 62 MiB; at least one.
 */
export function partsHeld(partSize: number, partsInFlight: number): number {
  return Math.max(1, Math.min(partsInFlight + 1, Math.floor(PARTS_MEMORY / partSize)));
}
