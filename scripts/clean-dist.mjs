// Empties dist of compiled code, so that nothing of a deleted source is left; the Playground's assets stay.
import { readdir, rm } from 'node:fs/promises';

const dist = new URL('../dist/', import.meta.url);
for (const name of await readdir(dist).catch(() => [])) {
  if (name !== 'playground') await rm(new URL(name, dist), { recursive: true });
}
