const STEP = 1024 * 1024;

/**
 * How large the parts of an upload must be, in bytes: the configured size, or more where up to `atMost` bytes would
 * not fit into the most parts that the provider takes. Whole MiB.
 */
export function partSizeFor(configured: number, atMost: number | undefined, mostParts: number): number {
  const needed = Math.ceil((atMost ?? 0) / mostParts / STEP) * STEP;
  return Math.max(configured, needed);
}

// What one put may hold; see the contract of a store.
const MEMORY = 64 * STEP;

/** How many parts of this size may be on their way at once: as configured, but within the memory of one put. */
export function partsInFlight(configured: number, partSize: number): number {
  // One more is being filled meanwhile.
  return Math.max(1, Math.min(configured, Math.floor(MEMORY / partSize) - 1));
}
