import type { ApolloServerPlugin } from '@apollo/server';
import { AppError } from '../errors.ts';
import type { Context } from './context.ts';
import { withStatus } from './error-mapping.ts';
import { spendOperation } from './operation-rate.ts';

/** Makes every operation that is about to run count, and says in the answer’s headers when a refused one may come again. */
export const operationRate: ApolloServerPlugin<Context> = {
  requestDidStart: async () => ({
    async didResolveOperation({ document, operation, contextValue }) {
      const { viewer, client, services, fileCount } = contextValue;
      if (!operation) return;
      try {
        await spendOperation(services.limits, { viewer, client, document, operation, fileCount });
      } catch (error) {
        throw withStatus(error);
      }
    },
    async willSendResponse({ errors, response }) {
      const waits = errors?.map(({ originalError }) => retryAfterOf(originalError)) ?? [];
      const longest = Math.max(0, ...waits);
      if (longest > 0) response.http.headers.set('retry-after', String(longest));
    },
  }),
};

// RFC 9110 section 10.2.3: the value is a number of seconds, which is a whole one.
const retryAfterOf = (error: unknown) => (error instanceof AppError ? Math.ceil(error.retryAfter ?? 0) : 0);
