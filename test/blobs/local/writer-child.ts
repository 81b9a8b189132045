import { newBlobKey } from '../../../src/blobs/blob-store.ts';
import { open } from '../../../src/blobs/local-store.ts';
import { sourceOf, stalledAfter } from '../sources.ts';

const MiB = 1024 * 1024;
const [root = '', what = ''] = process.argv.slice(2);

// Long enough to be killed in.
const source = what === 'stall' ? stalledAfter(20 * MiB) : sourceOf(20 * MiB);
const waiting = setInterval(() => {}, 1_000);
try {
  const store = await open({ UPLOAD_PATH: root });
  process.stdout.write(JSON.stringify({ size: await store.put(newBlobKey(), source) }));
} catch (error) {
  const { code, cause } = error as { code: string; cause: { code: string } };
  process.stdout.write(JSON.stringify({ code, cause: cause.code }));
}
clearInterval(waiting);
