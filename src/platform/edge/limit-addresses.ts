import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { networkOf } from '../common/address.js';
import { sendError } from '../common/api-error.filter.js';
import { PROBES } from '../common/access.js';
import type { Config } from '../config/config.js';
import { setHeaders } from './rate-limit-headers.js';
import type { RateLimits } from './rate-limits.service.js';

const BEARER = /^bearer /i;

/**
 * Counts every request except probes by address, before it is read. Machines have a separate limit, which counts after authentication. A
 * request with a bearer credential passes as long as the machine limit of its address allows it. If authentication fails, it counts as an
 * ordinary request.
 */
export function limitAddresses(app: FastifyInstance, limits: RateLimits, config: Config, logger: Logger): void {
  const { address, machines } = limits;
  if (!address || !machines) return;
  let warned = false;
  const limit = async (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    const network = networkOf(request.ip);
    try {
      if (!hasBearer(request)) setHeaders(reply, address, await address.consume(network));
      else {
        const state = await machines.peek(network);
        if (!state.allowed) setHeaders(reply, machines, state);
      }
    } catch (error) {
      if (!warned && request.headers['x-forwarded-for'] !== undefined && config.edge.trustedProxies.length === 0) {
        warned = true;
        logger.warn('requests are refused because all of them count for the address of a proxy: set SIGNET_TRUSTED_PROXIES');
      }
      return sendError(error, request, reply);
    }
    done();
  };
  app.addHook('onRequest', (request, reply, done) => {
    if (PROBES.has(request.raw.url ?? '')) return done();
    void limit(request, reply, done);
  });
  // Runs after the authentication hook.
  app.addHook('preParsing', async (request, reply) => {
    if (isMachine(request)) setHeaders(reply, machines, await machines.consume(networkOf(request.ip)));
  });
  app.addHook('onResponse', (request, _reply, done) => {
    if (hasBearer(request) && !isMachine(request) && !PROBES.has(request.raw.url ?? '')) void address.consume(networkOf(request.ip));
    done();
  });
}

const hasBearer = ({ headers: { authorization } }: FastifyRequest): boolean => BEARER.test(authorization ?? '');

/** Whether the request was authenticated by a bearer credential: of a gateway node or a verifier, or an API key. */
const isMachine = (request: FastifyRequest): boolean =>
  request.machine !== undefined || (hasBearer(request) && request.principal?.apiKeyMode !== undefined);
