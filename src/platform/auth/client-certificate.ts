import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';
import { ApiFault } from '../common/api-error.js';
import type { Machine } from '../common/principal.js';
import type { Config } from '../config/config.js';

/**
 * Requires a client certificate from machines if a client authority is configured, so that a leaked credential alone is useless. Any
 * certificate of the authority is accepted, unless the credential is bound to one.
 * @throws ApiFault `forbidden`
 */
export function assertClientCertificate({ socket }: FastifyRequest, { edge }: Config): void {
  if (edge.tls?.clientCaFile !== undefined && (socket as TLSSocket).authorized !== true)
    throw new ApiFault('forbidden', { detail: 'machines must present a client certificate' });
}

/**
 * Accepts a bound credential only on a connection that proved possession of the certificate's key. It is refused without TLS, behind a
 * proxy that terminates TLS, and without a configured authority (RFC 8705 §3).
 * @throws ApiFault `forbidden`
 */
export function assertBoundTo({ certificateSha256 }: Machine, { socket }: FastifyRequest): void {
  if (certificateSha256 !== null && certificateOf(socket) !== certificateSha256)
    throw new ApiFault('forbidden', { detail: 'the credential is bound to another client certificate' });
}

/** Certificate hash of each connection. The certificate of a connection cannot change, because renegotiation is disabled. */
const known = new WeakMap<Socket, string>();

function certificateOf(socket: Socket): string | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  let fingerprint = known.get(socket);
  if (fingerprint === undefined) {
    fingerprint = socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase() ?? '';
    known.set(socket, fingerprint);
  }
  return fingerprint;
}
