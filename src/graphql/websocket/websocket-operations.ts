import { randomUUID } from 'node:crypto';
import type { ApolloServer } from '@apollo/server';
import type { DocumentNode, FormattedExecutionResult, GraphQLFormattedError, GraphQLSchema } from 'graphql';
import { type RequestFacts, withinRequest } from '../../services/request-facts.ts';
import type { ClientFacts, Viewer } from '../../services/viewer.ts';
import type { ReportErrors } from '../apollo.ts';
import type { Context, RefreshCookie, Services } from '../context.ts';
import type { DocumentGate } from '../documents/document-gate.ts';
import type { DocumentRequest } from '../documents/trusted-documents.ts';
import { extensionsOf, toAppError } from '../error-mapping.ts';
import { contextWith } from '../operation-context.ts';
import { spendRequest } from '../operation-rate.ts';
import { ToldError } from './told-error.ts';
import { type AnswerStream, subscribe } from './websocket-subscription.ts';

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
  /** Takes a place for a subscription, which the function it returns gives back; RATE_LIMITED where there is none. */
  readonly hold: () => () => void;
  readonly signal: AbortSignal;
}

/** What sockets need of the rest. */
export interface SocketOperationParts {
  readonly apollo: ApolloServer<Context>;
  readonly schema: GraphQLSchema;
  readonly report: ReportErrors;
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

  /** Resolves with the answer as clients get it, or with those of a subscription; never rejects. */
  async run(asked: SocketRequest, asker: Asker): Promise<FormattedExecutionResult | AnswerStream> {
    const facts: RequestFacts = { ...asker.client, requestId: randomUUID() };
    return withinRequest(facts, async () => {
      try {
        asker.requireTurn();
        return await this.execute(asked, asker, facts);
      } catch (error) {
        return { errors: [this.refusal(error, facts.requestId)] };
      }
    });
  }

  private async execute(asked: SocketRequest, asker: Asker, facts: RequestFacts) {
    const { apollo, services, gate } = this.parts;
    const viewer = await asker.viewer();
    await spendRequest(services.limits, { viewer, client: asker.client });
    const admitted = gate.admit(asked);
    const { query, variables, operationName, extensions } = admitted;
    const subscriptions: DocumentNode[] = [];
    const contextValue = {
      ...this.contextOf(viewer, asker, facts),
      subscribe: (document: DocumentNode) => void subscriptions.push(document),
    };
    const request = {
      query: query as string,
      ...(variables && { variables }),
      ...(operationName && { operationName }),
      ...(extensions && { extensions }),
    };
    const { body } = await apollo.executeOperation(request, { contextValue });
    if (body.kind === 'incremental') throw new Error('An operation wants to answer in parts.');
    const [subscription] = subscriptions;
    if (subscription) return this.subscribe(subscription, admitted, asker, facts);
    return body.singleResult as FormattedExecutionResult;
  }

  private async subscribe(
    document: DocumentNode,
    { variables, operationName }: SocketRequest,
    asker: Asker,
    facts: RequestFacts,
  ): Promise<FormattedExecutionResult | AnswerStream> {
    const { schema, report } = this.parts;
    const { requestId } = facts;
    const giveBack = asker.hold();
    try {
      const answer = await subscribe({
        ...{ schema, document, variables, operationName, requestId, report },
        context: async () => this.contextOf(await asker.viewer(), asker, facts),
        refusal: (error) => new ToldError(this.refusal(error, requestId)),
        within: (work) => withinRequest(facts, work),
        over: giveBack,
      });
      if (!(Symbol.asyncIterator in answer)) giveBack();
      return answer;
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  private contextOf(viewer: Viewer | null, { signal }: Asker, facts: RequestFacts): Context {
    const { services } = this.parts;
    return contextWith(facts, { viewer, services, refreshCookie: NO_COOKIE, signal, fileCount: 0 });
  }

  private refusal(error: unknown, requestId: string): GraphQLFormattedError {
    const known = toAppError(error);
    // What a client did wrong is no failure of ours, however it showed.
    if (known.cause !== undefined && known.status >= 500) this.parts.failed(requestId, known.cause);
    return { message: known.message, extensions: { ...extensionsOf(known), requestId } };
  }
}
