import DataLoader from 'dataloader';
import type { RequestFacts } from '../services/request-facts.ts';
import type { Context } from './context.ts';

/** Makes the context of one operation, whatever way it came. */
export function contextWith(
  facts: RequestFacts,
  parts: Omit<Context, 'requestId' | 'client' | 'loaders'>,
): Context {
  const { accounts } = parts.services;
  return {
    ...parts,
    requestId: facts.requestId,
    client: facts,
    loaders: { users: new DataLoader((ids) => accounts.findMany(ids)) },
  };
}

/** The access token or API key of `Bearer …` (RFC 6750 section 2.1); null without one. */
export function bearerIn(authorization: string | undefined): string | null {
  return /^Bearer +([^\s]+) *$/i.exec(authorization ?? '')?.[1] ?? null;
}
