import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';
import { ApiFault } from '../common/api-error.js';
import type { Machine } from '../common/principal.js';
import type { Config } from '../config/config.js';

/**
 * Requires a client certificate of machines where an authority is configured, so that a leaked credential alone is useless. Any certificate
 * of the authority is accepted, unless the credential is bound to one.
 * @throws ApiFault `forbidden`
 */
export function assertClientCertificate({ socket }: FastifyRequest, { edge }: Config): void {
  if (edge.tls?.clientCaFile !== undefined && (socket as TLSSocket).authorized !== true)
    throw new ApiFault('forbidden', { detail: 'machines need a client certificate here' });
}

/**
 * Accepts a bound credential only on a connection that proved the key of that certificate: not without TLS, not behind a proxy that
 * terminates it, and not without a configured authority (RFC 8705 §3).
 * @throws ApiFault `forbidden`
 */
export function assertBoundTo({ certificateSha256 }: Machine, { socket }: FastifyRequest): void {
  if (certificateSha256 !== null && certificateOf(socket) !== certificateSha256)
    throw new ApiFault('forbidden', { detail: 'the credential is bound to another client certificate' });
}

/** Cached per connection: its certificate cannot change, since renegotiation is disabled. */
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
