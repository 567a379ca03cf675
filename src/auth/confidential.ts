import type { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config/config.js';

const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/;

/**
 * Whether key material may go back on this connection: it came by TLS, or never left the machine; in the local mode, and where
 * the operator says that the network is trusted, always. A proxy on this machine that says it was reached without TLS is
 * believed; one that says nothing is taken to be the end of TLS.
 */
export function isConfidential(request: FastifyRequest, config: Config): boolean {
  if (config.mode === 'local' || config.gatewayPlaintext) return true;
  if ((request.socket as TLSSocket).encrypted === true) return true;
  const forwarded = request.headers['x-forwarded-proto'];
  return LOOPBACK.test(request.socket.remoteAddress ?? '') && (forwarded === undefined || forwarded === 'https');
}
