import DataLoader from 'dataloader';
import type { RequestFacts } from '../services/request-facts.ts';
import type { Context } from './context.ts';

/** Makes the context of one operation, whatever way it came. */
export function contextWith(
  facts: RequestFacts,
  parts: Omit<Context, 'requestId' | 'client' | 'loaders'>,
): Context {
  const { viewer } = parts;
  const { accounts, secondFactor, access, versionReader, previews, folders } = parts.services;
  return {
    ...parts,
    requestId: facts.requestId,
    client: facts,
    loaders: {
      users: new DataLoader((ids) => accounts.findMany(ids)),
      secondFactors: new DataLoader((ids) => secondFactor.areOn(ids)),
      folders: new DataLoader((ids) => folders.viewable(viewer, ids), { cache: false }),
      versions: new DataLoader((ids) => versionReader.ofFiles(ids), { cache: false }),
      previews: new DataLoader((blobs) => previews.ofBlobs(blobs)),
      // Nothing is remembered: a mutation before the next one may have changed it.
      permissions: new DataLoader(
        async (things) => (viewer ? access.ofMany(viewer.userId, things) : things.map(() => null)),
        { cache: false },
      ),
    },
  };
}
