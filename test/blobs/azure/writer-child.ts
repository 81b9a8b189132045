import { newBlobKey } from '../../../src/blobs/blob-store.ts';
import { openVariables } from '../open-variables.ts';
import { stalledAfter } from '../sources.ts';

const [variables = '{}', bytes = '0', key = newBlobKey()] = process.argv.slice(2);

// Long enough to be killed in.
setInterval(() => {}, 1_000);
const store = await openVariables('azure', JSON.parse(variables));
await store.put(key, stalledAfter(Number(bytes)));
