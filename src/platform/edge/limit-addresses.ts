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
 * Counts every request but probes by address, before reading it. Machines have a limit of their own, counted after authentication: a
 * request with a bearer credential passes while the machine limit of its address allows it, and counts as an ordinary request if
 * authentication fails.
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
        logger.warn('requests of one address are refused although a proxy forwards them: set SIGNET_TRUSTED_PROXIES');
      }
      return sendError(error, request, reply);
    }
    done();
  };
  app.addHook('onRequest', (request, reply, done) => {
    if (PROBES.has(request.raw.url ?? '')) return done();
    void limit(request, reply, done);
  });
  // After the authentication hook.
  app.addHook('preParsing', async (request, reply) => {
    if (isMachine(request)) setHeaders(reply, machines, await machines.consume(networkOf(request.ip)));
  });
  app.addHook('onResponse', (request, _reply, done) => {
    if (hasBearer(request) && !isMachine(request) && !PROBES.has(request.raw.url ?? '')) void address.consume(networkOf(request.ip));
    done();
  });
}

const hasBearer = ({ headers: { authorization } }: FastifyRequest): boolean => BEARER.test(authorization ?? '');

/** Whether a bearer credential was authenticated: a gateway's, a verifier's or an API key. */
const isMachine = (request: FastifyRequest): boolean =>
  request.machine !== undefined || (hasBearer(request) && request.principal?.apiKeyMode !== undefined);
