import { randomUUID } from 'node:crypto';
import type { ApolloServer } from '@apollo/server';
import type { FormattedExecutionResult } from 'graphql';
import { type RequestFacts, withinRequest } from '../../services/request-facts.ts';
import type { ClientFacts, Viewer } from '../../services/viewer.ts';
import type { Context, RefreshCookie, Services } from '../context.ts';
import type { DocumentGate } from '../documents/document-gate.ts';
import type { DocumentRequest } from '../documents/trusted-documents.ts';
import { extensionsOf, toAppError } from '../error-mapping.ts';
import { contextWith } from '../operation-context.ts';
import { spendRequest } from '../operation-rate.ts';

/** What a client asks for over a socket. */
export interface SocketRequest extends DocumentRequest {
  readonly variables?: Record<string, unknown> | null | undefined;
  readonly operationName?: string | null | undefined;
  readonly extensions?: Record<string, unknown> | null | undefined;
}

/** On whose behalf and from where. */
export interface Asker {
  readonly client: ClientFacts;
  /** Refuses with RATE_LIMITED where too much is under way for it. */
  readonly requireTurn: () => void;
  readonly viewer: () => Promise<Viewer | null>;
  readonly signal: AbortSignal;
}

/** What sockets need of the rest. */
export interface SocketOperationParts {
  readonly apollo: ApolloServer<Context>;
  readonly services: Services;
  readonly gate: DocumentGate;
  /** Hears of an error that is not the client’s and that no operation reported. */
  readonly failed: (requestId: string, error: unknown) => void;
}

// A socket has no headers of its own for each operation, so nothing here may rest on what a browser sends by itself.
const NO_COOKIE: RefreshCookie = {
  wanted: false,
  token: undefined,
  set: () => undefined,
  clear: () => undefined,
};

/** Runs the operations of sockets through the same gate, plugins and error table as those of HTTP. */
export class SocketOperations {
  private readonly parts: SocketOperationParts;

  constructor(parts: SocketOperationParts) {
    this.parts = parts;
  }

  /** Resolves with the answer as clients get it; never rejects. */
  async run(asked: SocketRequest, asker: Asker): Promise<FormattedExecutionResult> {
    const facts: RequestFacts = { ...asker.client, requestId: randomUUID() };
    return withinRequest(facts, async () => {
      try {
        asker.requireTurn();
        return await this.execute(asked, asker, facts);
      } catch (error) {
        return this.refusal(error, facts.requestId);
      }
    });
  }

  private async execute(asked: SocketRequest, asker: Asker, facts: RequestFacts) {
    const { apollo, services, gate } = this.parts;
    const viewer = await asker.viewer();
    await spendRequest(services.limits, { viewer, client: asker.client });
    const { query, variables, operationName, extensions } = gate.admit(asked);
    const contextValue = contextWith(facts, {
      viewer,
      services,
      refreshCookie: NO_COOKIE,
      signal: asker.signal,
      fileCount: 0,
    });
    const request = {
      query: query as string,
      ...(variables && { variables }),
      ...(operationName && { operationName }),
      ...(extensions && { extensions }),
    };
    const { body } = await apollo.executeOperation(request, { contextValue });
    if (body.kind === 'incremental') throw new Error('An operation wants to answer in parts.');
    return body.singleResult as FormattedExecutionResult;
  }

  private refusal(error: unknown, requestId: string): FormattedExecutionResult {
    const known = toAppError(error);
    // What a client did wrong is no failure of ours, however it showed.
    if (known.cause !== undefined && known.status >= 500) this.parts.failed(requestId, known.cause);
    return { errors: [{ message: known.message, extensions: { ...extensionsOf(known), requestId } }] };
  }
}
