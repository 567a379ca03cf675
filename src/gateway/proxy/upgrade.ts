import { type ClientRequest, type IncomingMessage, request as httpRequest, STATUS_CODES } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import { responseHeaders, upstreamHeaders } from './proxy-headers.js';
import { refusalBody, refusalHeaders, type Refusal } from '../http/refusals.js';
import type { Decision, Signer } from '../signing/signer.js';

/** The upstream to which the signing proxy forwards. */
export interface Upstream {
  url: URL;
  /** Has no slash at the end. */
  basePath: string;
  /** TLS options, for an https URL. */
  tls: SecureContextOptions;
}

/**
 * Whether the request is a WebSocket upgrade. Other `Upgrade` headers are ignored, and the request is handled as HTTP/1.1 (RFC 9110 §7.8).
 * A request with a body is not upgraded, because no body is read after an upgrade.
 */
export function isWebSocketUpgrade({ method, headers }: IncomingMessage): boolean {
  const named = (headers.connection ?? '').toLowerCase().split(',');
  return (
    method === 'GET' &&
    headers.upgrade?.trim().toLowerCase() === 'websocket' &&
    named.some((name) => name.trim() === 'upgrade') &&
    headers['transfer-encoding'] === undefined &&
    (headers['content-length'] ?? '0') === '0'
  );
}

interface Upgrade {
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
  decision: Decision;
  upstream: Upstream;
  /** Request target in origin form, without the base path of the upstream. */
  target: string;
  host: string;
  timeouts: { upstreamTimeoutMs: number; idleTimeoutMs: number };
  signer: Signer;
  /** Whether the peer is a trusted proxy. */
  trusted: boolean;
}

/** Forwards an upgrade request and, after `101 Switching Protocols`, connects the two connections with each other. */
export function upgrade({ request, socket, head, decision, upstream, target, host, timeouts, signer, trusted }: Upgrade): void {
  socket.on('error', () => socket.destroy());
  if (!decision.ok) return answer(socket, decision.refusal);
  const { permit } = decision;
  const backend = open(request, upstream, target, upstreamHeaders(request, host, decision.headers, trusted));
  let stale: Refusal | undefined;
  // The request is written only after the connection is established and the key was checked again.
  backend.once('socket', (connection) => {
    connection.once(upstream.url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
      stale = permit.recheck()?.refusal;
      if (stale) backend.destroy(new Error('the key was deleted before the request was sent'));
      else backend.end();
    });
  });
  let timedOut = false;
  backend.setTimeout(timeouts.upstreamTimeoutMs, () => {
    timedOut = true;
    backend.destroy();
  });
  socket.once('close', () => backend.destroy());
  backend.once('error', () => {
    if (socket.destroyed) return;
    answer(socket, stale ?? signer.refuse(timedOut ? 'backend_timeout' : 'backend_unavailable', 'proxy').refusal);
  });
  const end = () => {
    socket.destroy();
    backend.destroy();
  };
  backend.once('response', (response) => {
    const begun = permit.track({ end, sockets: () => [socket as Socket, backend.socket] });
    if (!begun.ok) {
      backend.destroy();
      return answer(socket, begun.refusal);
    }
    socket.once('close', begun.over);
    // The protocol was not switched: the response is forwarded, and the connection is closed after it.
    socket.write(head101(response, [...responseHeaders(response.rawHeaders), 'connection', 'close']));
    response.pipe(socket);
  });
  backend.once('upgrade', (response, joined: Socket, first: Buffer) => {
    const begun = permit.track({
      end: () => {
        socket.destroy();
        joined.destroy();
      },
      sockets: () => [socket as Socket, joined],
    });
    if (!begun.ok) {
      joined.destroy();
      return answer(socket, begun.refusal);
    }
    socket.once('close', begun.over);
    const upgraded = ['connection', 'upgrade', 'upgrade', response.headers.upgrade ?? ''];
    socket.write(head101(response, [...responseHeaders(response.rawHeaders), ...upgraded]));
    join(socket as Socket, joined, head, first, timeouts.idleTimeoutMs);
  });
}

function open(request: IncomingMessage, { url, basePath, tls }: Upstream, target: string, forwarded: readonly string[]): ClientRequest {
  const headers = [...forwarded, 'connection', 'Upgrade', 'upgrade', 'websocket'];
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const options = {
    host,
    port: url.port,
    method: request.method,
    path: basePath + target,
    headers: headers as unknown as readonly string[],
    agent: false,
  };
  return url.protocol === 'https:' ? httpsRequest({ ...options, ...tls, servername: isIP(host) === 0 ? host : '' }) : httpRequest(options);
}

function join(client: Socket, backend: Socket, fromClient: Buffer, fromBackend: Buffer, idleMs: number): void {
  const end = () => {
    client.destroy();
    backend.destroy();
  };
  for (const socket of [client, backend]) socket.setTimeout(idleMs, end).on('error', end).once('close', end);
  backend.setNoDelay(true).write(fromClient);
  client.setNoDelay(true).write(fromBackend);
  client.pipe(backend).pipe(client);
}

function head101({ statusCode = 502, statusMessage }: IncomingMessage, headers: readonly string[]): string {
  let head = `HTTP/1.1 ${statusCode} ${statusMessage ?? STATUS_CODES[statusCode] ?? ''}\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return `${head}\r\n`;
}

function answer(socket: Duplex, refusal: Refusal): void {
  socket.end(rawResponse(refusal));
}

/** Returns a refusal as HTTP/1.1 text, for sockets without a `ServerResponse`. */
export function rawResponse(refusal: Refusal): string {
  const body = refusalBody(refusal);
  const headers = { ...refusalHeaders(refusal), 'content-length': String(Buffer.byteLength(body)), connection: 'close' };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? 'Refused'}\r\n${lines.join('')}\r\n${body}`;
}
