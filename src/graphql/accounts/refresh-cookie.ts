import type {} from '@fastify/cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RefreshCookie } from '../context.ts';

/** The cookie's name. */
export const REFRESH_COOKIE = 'imaginary_refresh';
/** The header by which a browser asks to keep its refresh token in the cookie: `x-refresh-token-delivery: cookie`. */
export const DELIVERY_HEADER = 'x-refresh-token-delivery';

/** Whether the cookie is only sent over HTTPS: true wherever the API is reached that way. */
export interface RefreshCookieOptions {
  readonly secure: boolean;
}

/** The refresh cookie of one request; needs @fastify/cookie registered. */
export function refreshCookieOf(
  request: FastifyRequest,
  reply: FastifyReply,
  { secure }: RefreshCookieOptions,
): RefreshCookie {
  // A page of another site can't set this header without a CORS preflight, so it can't make the cookie count.
  const wanted = request.headers[DELIVERY_HEADER] === 'cookie';
  const attributes = { httpOnly: true, sameSite: 'strict', path: '/graphql', secure } as const;
  return {
    wanted,
    token: wanted ? request.cookies[REFRESH_COOKIE] : undefined,
    set(token, expiresAt) {
      reply.setCookie(REFRESH_COOKIE, token, { ...attributes, expires: expiresAt });
    },
    clear() {
      reply.clearCookie(REFRESH_COOKIE, attributes);
    },
  };
}
