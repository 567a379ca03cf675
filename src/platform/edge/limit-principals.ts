import type { FastifyInstance } from 'fastify';
import { setHeaders } from './rate-limit-headers.js';
import type { RateLimits } from './rate-limits.service.js';

/** Counts authenticated requests by user before they are handled, across tokens and access keys. Machines count by address only. */
export function limitPrincipals(server: FastifyInstance, { principal: limit }: RateLimits): void {
  if (!limit) return;
  server.addHook('preParsing', async ({ principal }, reply) => {
    if (principal) setHeaders(reply, limit, await limit.consume(principal.userId));
  });
}
