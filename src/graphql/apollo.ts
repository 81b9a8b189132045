import { ApolloServer, type ApolloServerPlugin, HeaderMap } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import {
  type GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  OperationTypeNode,
} from 'graphql';
import { AppError } from '../errors.ts';
import { currentRequest } from '../services/request-facts.ts';
import type { Context } from './context.ts';
import { DEFAULT_LIMITS } from './documents/document-limits.ts';
import { listCost } from './documents/list-cost.ts';
import { type ListsOf, listsOf } from './documents/list-sizes.ts';
import { formatError, mayQuoteInput, reportOf, withStatus } from './error-mapping.ts';
import { operationRate } from './rate-plugin.ts';

/** Hears of what went wrong in a request, with what is needed to find it again. */
export interface GraphQLLog {
  /** An error that is not the client’s. */
  failed(requestId: string, operationName: string | null, error: unknown): void;
  /** An error of the closed table that a client caused. */
  refused(requestId: string, operationName: string | null, code: string, message: string): void;
}

/** How errors are told, and whether the schema is. */
export interface ApolloOptions {
  readonly introspection: boolean;
  readonly log: GraphQLLog;
}

/** Logs the errors of an answer under its request’s id, and says them as clients hear them. */
export type ReportErrors = (
  requestId: string,
  operationName: string | null,
  errors: readonly GraphQLError[],
) => GraphQLFormattedError[];

const ONLY_OVER_SOCKETS =
  'Subscriptions run over a WebSocket, at the same path, by the protocol graphql-transport-ws.';

/** Reports the errors of what Apollo does not run itself, as it would. */
export const reporting =
  ({ introspection, log }: ApolloOptions): ReportErrors =>
  (requestId, operationName, errors) =>
    errors.map((error) => {
      note(log, requestId, operationName, error);
      return toClient(error.toJSON(), error, introspection);
    });

/** Builds the Apollo Server; `introspection` also lets error messages suggest names. */
export function createApollo(schema: GraphQLSchema, options: ApolloOptions): ApolloServer<Context> {
  return new ApolloServer<Context>({
    schema,
    introspection: options.introspection,
    hideSchemaDetailsFromClientErrors: !options.introspection,
    includeStacktraceInErrorResponses: false,
    csrfPrevention: true,
    persistedQueries: false,
    allowBatchedHttpRequests: false,
    stopOnTerminationSignals: false,
    formatError: (known, error) => toClient(known, error, options.introspection),
    plugins: [
      ApolloServerPluginCacheControlDisabled(),
      // Apollo’s own pages load scripts from elsewhere.
      ApolloServerPluginLandingPageDisabled(),
      operationLimits(listsOf(schema)),
      operationRate,
      subscriptions,
      errorLog(options.log),
    ],
  });
}

/** Leaves a subscription that may run to whoever can run it; what is answered here is not heard. */
const subscriptions: ApolloServerPlugin<Context> = {
  requestDidStart: async () => ({
    async responseForOperation({ document, operation, contextValue }) {
      if (operation?.operation !== OperationTypeNode.SUBSCRIPTION) return null;
      contextValue.subscribe?.(document);
      const http = { headers: new HeaderMap() };
      return { http, body: { kind: 'single', singleResult: { data: null } } };
    },
  }),
};

/** Refuses an operation that there is nothing to run for, or whose lists could make it answer too much. */
const operationLimits = (lists: ListsOf): ApolloServerPlugin<Context> => ({
  requestDidStart: async () => ({
    didResolveOperation: async ({ document, operation, request, contextValue }) => {
      try {
        if (operation?.operation === OperationTypeNode.SUBSCRIPTION && !contextValue.subscribe) {
          throw new AppError('BAD_USER_INPUT', ONLY_OVER_SOCKETS);
        }
        listCost(document, request.operationName, request.variables ?? {}, DEFAULT_LIMITS, lists);
      } catch (error) {
        throw withStatus(error);
      }
    },
  }),
});

function toClient(
  formatted: GraphQLFormattedError,
  error: unknown,
  maySuggest: boolean,
): GraphQLFormattedError {
  const { message, extensions, ...rest } = formatError(formatted, error);
  // Apollo takes suggestions out of the errors of documents only, not out of those of variables.
  const told = maySuggest ? message : message.replace(/ ?Did you mean .+\?$/s, '');
  return { message: told, ...rest, extensions: { ...extensions, requestId: requestId() } };
}

// Some errors come before there is a context that knows it.
const requestId = () => currentRequest()?.requestId ?? '';

/** Logs each error under the request’s id. */
function errorLog(log: GraphQLLog): ApolloServerPlugin<Context> {
  return {
    contextCreationDidFail: async ({ error }) => log.failed(requestId(), null, error),
    requestDidStart: async () => ({
      didEncounterErrors: async ({ errors, contextValue: { requestId }, operationName }) => {
        for (const error of errors) note(log, requestId, operationName ?? null, error);
      },
    }),
  };
}

function note(log: GraphQLLog, requestId: string, operation: string | null, error: GraphQLError): void {
  const { code, message, cause, status } = reportOf(error);
  const logged = mayQuoteInput(error) ? String(error.extensions.code) : message;
  if (code !== 'INTERNAL_SERVER_ERROR') log.refused(requestId, operation, code, logged);
  // What a client did wrong is no failure of ours, however it showed.
  if (cause !== undefined && status >= 500) log.failed(requestId, operation, cause);
}
