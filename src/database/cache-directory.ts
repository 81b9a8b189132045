import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The user's cache folder for what can be fetched again (`~/.cache/imaginary-storage`), or one in this package for a user without a home. */
export function defaultCacheDirectory(home: string = homedir()): string {
  try {
    accessSync(home, constants.W_OK);
    return join(home, '.cache', 'imaginary-storage');
  } catch {
    // Never a well-known name in /tmp: programs are run from the cache, and there anybody may plant one.
    return fileURLToPath(new URL('../../node_modules/.cache/imaginary-storage', import.meta.url));
  }
}
