import DataLoader from 'dataloader';
import type { RequestFacts } from '../services/request-facts.ts';
import type { Context } from './context.ts';

/** Makes the context of one operation, whatever way it came. */
export function contextWith(
  facts: RequestFacts,
  parts: Omit<Context, 'requestId' | 'client' | 'loaders'>,
): Context {
  const { accounts, secondFactor } = parts.services;
  return {
    ...parts,
    requestId: facts.requestId,
    client: facts,
    loaders: {
      users: new DataLoader((ids) => accounts.findMany(ids)),
      secondFactors: new DataLoader((ids) => secondFactor.areOn(ids)),
    },
  };
}
