import type { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';
import { Fault } from '../common/api-error.js';
import type { Config } from '../config/config.js';

/**
 * Where the configuration names an authority for client certificates, a machine comes with one of them beside its credential: a
 * credential that leaked is worth nothing without. Any certificate of the authority will do.
 * @throws Fault `forbidden`
 */
export function assertClientCertificate({ socket }: FastifyRequest, { edge }: Config): void {
  if (edge.tls?.clientCaFile !== undefined && (socket as TLSSocket).authorized !== true)
    throw new Fault('forbidden', { detail: 'machines need a client certificate here' });
}
