import type { FastifyInstance } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import type { Config } from '../config.ts';
import type { ReportErrors } from '../graphql/apollo.ts';
import type { GraphQLRouteOptions } from '../graphql/graphql-route.ts';
import { openWebSocketDoor } from '../graphql/websocket/websocket-door.ts';
import { SocketOperations } from '../graphql/websocket/websocket-operations.ts';
import { GraphQLSockets } from '../graphql/websocket/websocket-sockets.ts';
import type { Metrics } from '../http/metrics.ts';
import type { Log } from './log.ts';
import type { Wired } from './services.ts';

/** Opens GraphQL over WebSockets beside the route, on the same operations; call it before there are routes. */
export function openSockets(
  app: FastifyInstance,
  route: Pick<GraphQLRouteOptions, 'apollo' | 'services' | 'gate' | 'maxJsonBytes'> & {
    schema: GraphQLSchema;
    report: ReportErrors;
  },
  { config, wired, metrics, log }: { config: Config; wired: Wired; metrics: Metrics; log: Log },
): void {
  const failed = (err: unknown) => log.error({ err }, 'a WebSocket failed');
  const sockets = new GraphQLSockets({
    schema: route.schema,
    operations: new SocketOperations({
      ...route,
      failed: (requestId, err) => log.error({ requestId, err }, 'a request failed'),
    }),
    authentication: route.services.authentication,
    watch: wired.watch,
    failed,
  });
  metrics.gauge('websockets_open', 'WebSockets that are open now.', () => sockets.size);
  openWebSocketDoor(app, {
    sockets,
    limits: route.services.limits,
    origins: config.CORS_ORIGIN,
    maxMessageBytes: route.maxJsonBytes,
  });
}
