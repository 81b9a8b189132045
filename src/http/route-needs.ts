import type { FastifyInstance, RouteOptions } from 'fastify';
import type { Need } from '../services/access.ts';

/**
 * What a route needs: `anyone` is open to all, whatever they send; `fields` leaves it to the fields of the operation;
 * `signature` is a signed address, `token` the service’s own token where one is set. The rest is as with fields.
 */
export type RouteNeed = Need | 'fields' | 'signature' | 'token';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may use the route; a route without it stops the start. */
    needs?: RouteNeed;
  }
}

/** A route and what it needs, such as `GET /health/live` and `anyone`. */
export interface RoutePermission {
  readonly route: string;
  readonly need: RouteNeed;
}

// What browsers ask before they send another request; the CORS plugin answers it, and no route of ours.
const PREFLIGHT = 'OPTIONS';

/** Makes every route that is added from now on say what it needs, or the start fails; fills and answers the list of them. */
export function requireRouteNeeds(app: FastifyInstance): readonly RoutePermission[] {
  const routes: RoutePermission[] = [];
  app.addHook('onRoute', (options: RouteOptions) => {
    const need = options.config?.needs;
    const methods = [options.method].flat().filter((method) => method !== PREFLIGHT);
    for (const method of methods) {
      const route = `${method} ${options.url}`;
      if (need === undefined)
        throw new Error(`${route} needs a rule, such as \`config: { needs: 'anyone' }\`.`);
      routes.push({ route, need });
    }
  });
  return routes;
}
