import type { FastifyInstance } from 'fastify';
import type { Config } from '../config/config.js';

const IPV4_WITH_PORT = /^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/;
/** An IPv6 address in brackets, with or without a port. */
const IPV6_IN_BRACKETS = /^\[([0-9A-Fa-f:.%]+)\](?::\d{1,5})?$/;

/** An element of `X-Forwarded-For` without the port that some proxies append. */
const withoutPort = (element: string): string => IPV4_WITH_PORT.exec(element)?.[1] ?? IPV6_IN_BRACKETS.exec(element)?.[1] ?? element;

/**
 * Removes the ports from the `X-Forwarded-For` of trusted proxies. The ports differ per connection, so rate limits would never count two
 * requests together.
 */
export function readForwardedFor(server: FastifyInstance, { edge }: Config): void {
  if (edge.trustedProxies.length === 0) return;
  server.addHook('onRequest', ({ raw: { headers } }, _reply, done) => {
    const forwarded = headers['x-forwarded-for'];
    if (typeof forwarded === 'string' && forwarded.includes(':'))
      headers['x-forwarded-for'] = forwarded
        .split(',')
        .map((element) => withoutPort(element.trim()))
        .join(', ');
    done();
  });
}
