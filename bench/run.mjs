import { runBench } from './lib/bench.mjs';
import { archive } from './rows/archive.mjs';
import { documents } from './rows/documents.mjs';
import { download } from './rows/download.mjs';
import { encryption } from './rows/encryption.mjs';
import { folders } from './rows/folders.mjs';
import { listing } from './rows/listing.mjs';
import { memory } from './rows/memory.mjs';
import { subscribers } from './rows/subscribers.mjs';
import { thumbnails } from './rows/thumbnails.mjs';
import { uploadLarge } from './rows/upload-large.mjs';
import { uploadSmall } from './rows/upload-small.mjs';

await runBench({
  a: uploadLarge,
  b: uploadSmall,
  c: download,
  d: listing,
  e: memory,
  f: encryption,
  archive,
  documents,
  subscribers,
  thumbnails,
  folders,
});
