import { newBlobKey } from '../../../src/blobs/blob-store.ts';
import { bodyOf, openDirect, send } from '../signed-urls.ts';
import { read, sourceOf } from '../sources.ts';

const MiB = 1024 * 1024;
const [variables = '{}'] = process.argv.slice(2);
const env = JSON.parse(variables);
const store = await openDirect({ provider: 'azure', env, foreign: env, origin: '', at: () => env }, env);
const key = newBlobKey();
const written = await store.put(key, sourceOf(11 * MiB));
const told = { expiresInSeconds: 60, contentType: 'text/x-told', contentDisposition: 'inline' };
const urls = [await store.downloadUrl(key, told), await store.downloadUrl(key, told)];
const answers = await Promise.all(urls.map((url) => fetch(url, { headers: { range: 'bytes=0-9' } })));
const sent = await send(
  await store.uploadAddress(newBlobKey('incoming'), { expiresInSeconds: 60, size: 10 }),
  bodyOf(10),
);
process.stdout.write(
  JSON.stringify({
    written,
    read: (await read(await store.open(key))).length,
    answers: answers.map(({ status, headers }) => `${status} ${headers.get('content-type')}`),
    sent,
  }),
);
await store.close();
