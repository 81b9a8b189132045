import { afterAll, beforeAll, describe } from 'vitest';
import type { BlobStore } from '../../src/blobs/blob-store.ts';
import type { Backend } from '../support/backend.ts';
import { keepsAreasApart } from './conformance/areas.ts';
import { servesDownloads } from './conformance/direct.ts';
import { survivesFailures } from './conformance/failures.ts';
import { survivesInterruptions } from './conformance/interruptions.ts';
import { listsAndDeletes } from './conformance/listing.ts';
import { bearsLoad } from './conformance/load.ts';
import { tellsFailures } from './conformance/network.ts';
import { readsRanges } from './conformance/reading.ts';
import { takesUploads } from './conformance/uploads.ts';
import { writesWholeBlobs } from './conformance/writing.ts';

/** What the suite is told of a provider behind a network. */
export interface Network {
  /** A bucket or container on the running server; asked for once by each part of the suite, and may be the same one. */
  backend(): Backend | Promise<Backend>;
  /** Whether the provider itself refuses a direct upload of another size than was promised. */
  holdsSize: boolean;
}

/**
 * Holds every sentence of the store's contract against one provider; `open` gives a fresh handle of a real backend.
 * A provider behind a network is also held to what its `backend`'s failures must look like.
 */
export function conformance(name: string, open: () => Promise<BlobStore>, network?: Network): void {
  describe(`the store of ${name}`, () => {
    let store: BlobStore;
    beforeAll(async () => {
      store = await open();
    });
    afterAll(async () => {
      await store.close();
    });

    writesWholeBlobs(() => store);
    readsRanges(() => store);
    survivesFailures(() => store);
    listsAndDeletes(() => store);
    keepsAreasApart(() => store);
    if (network) {
      tellsFailures(network.backend);
      survivesInterruptions(network.backend);
      bearsLoad(network.backend);
      servesDownloads(network.backend);
      takesUploads(network.backend, network.holdsSize);
    }
  });
}
