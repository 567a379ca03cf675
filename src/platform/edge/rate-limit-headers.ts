import type { FastifyReply } from 'fastify';
import { ApiFault } from '../common/api-error.js';
import type { RateLimit, RateLimitState } from './rate-limit.js';

/**
 * Adds rate-limit headers (draft-ietf-httpapi-ratelimit-headers-10) to those already set, and refuses a caller who has exceeded the limit.
 * @throws ApiFault `rate_limited`
 */
export function setHeaders(reply: FastifyReply, { name, policy }: RateLimit, { allowed, remaining, resetSeconds }: RateLimitState): void {
  const behind = (header: string, value: string) => {
    const before = reply.getHeader(header);
    reply.header(header, before === undefined ? value : `${String(before)}, ${value}`);
  };
  behind('ratelimit-policy', policy);
  behind('ratelimit', `"${name}";r=${remaining};t=${resetSeconds}`);
  if (!allowed) throw new ApiFault('rate_limited', { retryAfterSeconds: resetSeconds });
}
