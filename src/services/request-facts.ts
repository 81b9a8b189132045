import { AsyncLocalStorage } from 'node:async_hooks';
import type { ClientFacts } from './viewer.ts';

/** What is known of the request that is being answered, by server facts only. */
export interface RequestFacts extends ClientFacts {
  readonly requestId: string;
}

const scope = new AsyncLocalStorage<RequestFacts>();

/** Runs the work, and whatever it starts, as part of one request. */
export function withinRequest<T>(facts: RequestFacts, work: () => T): T {
  return scope.run(facts, work);
}

/** The request that the running code answers; null for jobs and for the command line. */
export function currentRequest(): RequestFacts | null {
  return scope.getStore() ?? null;
}
