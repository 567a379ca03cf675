import type { FastifyInstance } from 'fastify';
import { setHeaders } from './rate-limit-headers.js';
import type { RateLimits } from './rate-limits.service.js';

/** Counts authenticated requests by user, across tokens and access keys, before they are handled. Machines count by address alone. */
export function limitPrincipals(server: FastifyInstance, { principal: limit }: RateLimits): void {
  if (!limit) return;
  server.addHook('preParsing', async ({ principal }, reply) => {
    if (principal) setHeaders(reply, limit, await limit.consume(principal.userId));
  });
}
