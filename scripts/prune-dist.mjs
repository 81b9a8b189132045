// Removes compiled files whose source is gone, so that dist is what src says; a running server is not disturbed.
import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const sources = new Set(
  (await readdir(join(root, 'src'), { recursive: true })).map((path) => path.replace(/\.ts$/, '.js')),
);

for (const path of await readdir(join(root, 'dist'), { recursive: true })) {
  const compiled = path.replace(/\.map$/, '');
  if (compiled.endsWith('.js') && dirname(path) !== 'playground' && !sources.has(compiled)) {
    await rm(join(root, 'dist', path));
  }
}
