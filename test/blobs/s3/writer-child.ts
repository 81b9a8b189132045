import { newBlobKey } from '../../../src/blobs/blob-store.ts';
import { openVariables } from '../open-variables.ts';
import { stalledAfter } from '../sources.ts';

// Writes some parts of an object and waits to be killed.
const store = await openVariables('aws', process.env as Record<string, string>);
setInterval(() => {}, 1_000);
await store.put(newBlobKey(), stalledAfter(12 * 1024 * 1024));
