import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import type { GraphQLError, GraphQLSchema } from 'graphql';
import type { Context } from './context.ts';
import { DEFAULT_LIMITS } from './document-limits.ts';
import { formatError, reportOf } from './error-mapping.ts';
import { listCost } from './list-cost.ts';

/** Hears of what went wrong in a request, with what is needed to find it again. */
export interface GraphQLLog {
  /** An error that is not the client’s. */
  failed(requestId: string, operationName: string | null, error: unknown): void;
  /** An error of the closed table that a client caused. */
  refused(requestId: string, operationName: string | null, code: string, message: string): void;
}

/** Builds the Apollo Server; `introspection` also lets error messages suggest names. */
export function createApollo(
  schema: GraphQLSchema,
  options: { introspection: boolean; log: GraphQLLog },
): ApolloServer<Context> {
  return new ApolloServer<Context>({
    schema,
    introspection: options.introspection,
    hideSchemaDetailsFromClientErrors: !options.introspection,
    includeStacktraceInErrorResponses: false,
    csrfPrevention: true,
    persistedQueries: false,
    allowBatchedHttpRequests: false,
    stopOnTerminationSignals: false,
    formatError,
    plugins: [ApolloServerPluginCacheControlDisabled(), costLimit, requestIds(options.log)],
  });
}

/** Refuses an operation whose lists could make it answer too much, before it runs. */
const costLimit: ApolloServerPlugin<Context> = {
  requestDidStart: async () => ({
    didResolveOperation: async ({ document, request }) => {
      listCost(document, request.operationName, request.variables ?? {}, DEFAULT_LIMITS);
    },
  }),
};

/** Gives each error the request’s id, under which it is logged. */
function requestIds(log: GraphQLLog): ApolloServerPlugin<Context> {
  return {
    requestDidStart: async () => ({
      didEncounterErrors: async ({ errors, contextValue: { requestId }, operationName }) => {
        for (const error of errors) note(log, requestId, operationName ?? null, error);
      },
      willSendResponse: async ({ response, contextValue }) => {
        if (response.body.kind !== 'single') return;
        for (const error of response.body.singleResult.errors ?? []) {
          Object.assign(error.extensions ?? {}, { requestId: contextValue.requestId });
        }
      },
    }),
  };
}

function note(log: GraphQLLog, requestId: string, operation: string | null, error: GraphQLError): void {
  const { code, message, cause } = reportOf(error);
  if (code !== 'INTERNAL_SERVER_ERROR') log.refused(requestId, operation, code, message);
  if (cause !== undefined) log.failed(requestId, operation, cause);
}
