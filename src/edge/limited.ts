import type { FastifyReply } from 'fastify';
import { Fault } from '../common/api-error.js';
import type { Quota, Standing } from './quota.js';

/**
 * Says in headers how a caller stands (draft-ietf-httpapi-ratelimit-headers-10), behind what another quota said before, and refuses
 * who has used a quota up.
 * @throws Fault `rate_limited`
 */
export function tell(reply: FastifyReply, { name, policy }: Quota, { allowed, remaining, resetSeconds }: Standing): void {
  const behind = (header: string, value: string) => {
    const before = reply.getHeader(header);
    reply.header(header, before === undefined ? value : `${String(before)}, ${value}`);
  };
  behind('ratelimit-policy', policy);
  behind('ratelimit', `"${name}";r=${remaining};t=${resetSeconds}`);
  if (!allowed) throw new Fault('rate_limited', { retryAfterSeconds: resetSeconds });
}
