import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { sendError } from '../common/api-error.filter.js';
import { PROBES } from '../common/access.js';
import type { Config } from '../config/config.js';
import { networkOf } from './address.js';
import { tell } from './limited.js';
import type { Quotas } from './quotas.service.js';

const BEARER = /^bearer /i;

/** Counts every request but probes by its address, before anything is read of it or about it. Machines count apart. */
export function limitAddresses(app: FastifyInstance, quotas: Quotas, config: Config, logger: Logger): void {
  const { address, machines } = quotas;
  if (!address || !machines) return;
  let warned = false;
  const limit = async (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    const quota = BEARER.test(request.headers.authorization ?? '') ? machines : address;
    try {
      tell(reply, quota, await quota.take(networkOf(request.ip)));
    } catch (error) {
      if (!warned && request.headers['x-forwarded-for'] !== undefined && config.edge.trustedProxies.length === 0) {
        warned = true;
        logger.warn('requests of one address are refused, and a proxy stands in front: see SIGNET_TRUSTED_PROXIES');
      }
      return sendError(error, request, reply);
    }
    done();
  };
  app.addHook('onRequest', (request, reply, done) => {
    if (PROBES.has(request.raw.url ?? '')) return done();
    void limit(request, reply, done);
  });
}
