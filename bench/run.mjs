import { runBench } from './lib/bench.mjs';
import { documents } from './rows/documents.mjs';
import { download } from './rows/download.mjs';
import { encryption } from './rows/encryption.mjs';
import { listing } from './rows/listing.mjs';
import { memory } from './rows/memory.mjs';
import { uploadLarge } from './rows/upload-large.mjs';
import { uploadSmall } from './rows/upload-small.mjs';

await runBench({
  a: uploadLarge,
  b: uploadSmall,
  c: download,
  d: listing,
  e: memory,
  f: encryption,
  documents,
});
