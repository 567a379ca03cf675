import { type ClientRequest, type IncomingMessage, request as httpRequest, STATUS_CODES } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { answeredHeaders, forwardedHeaders } from './proxy-headers.js';
import { bodyOf, headersOf, type Refusal } from './refusals.js';
import type { Decision, Signer } from './signer.js';

/** Where the signing proxy forwards to. */
export interface Upstream {
  url: URL;
  /** Without a slash at its end. */
  basePath: string;
}

interface Upgrade {
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
  decision: Decision;
  upstream: Upstream;
  host: string;
  timeouts: { upstreamTimeoutMs: number; idleTimeoutMs: number };
  signer: Signer;
}

/** Forwards an upgrade and, when the backend switches protocols, joins the two connections. */
export function upgrade({ request, socket, head, decision, upstream, host, timeouts, signer }: Upgrade): void {
  socket.on('error', () => socket.destroy());
  if (!decision.ok) return answer(socket, decision.refusal);
  const backend = open(request, upstream, host, decision.headers);
  let timedOut = false;
  backend.setTimeout(timeouts.upstreamTimeoutMs, () => {
    timedOut = true;
    backend.destroy();
  });
  socket.once('close', () => backend.destroy());
  backend.once('error', () => {
    if (!socket.destroyed) answer(socket, signer.refuse(timedOut ? 'backend_timeout' : 'backend_unavailable', 'proxy').refusal);
  });
  backend.once('response', (response) => {
    // It does not switch: its answer goes to the client as it is, and the connection ends with it.
    socket.write(head101(response, [...answeredHeaders(response.rawHeaders), 'connection', 'close']));
    response.pipe(socket);
  });
  backend.once('upgrade', (response, joined: Socket, first: Buffer) => {
    const upgraded = ['connection', 'upgrade', 'upgrade', response.headers.upgrade ?? ''];
    socket.write(head101(response, [...answeredHeaders(response.rawHeaders), ...upgraded]));
    join(socket as Socket, joined, head, first, timeouts.idleTimeoutMs);
  });
  backend.end();
}

function open(
  request: IncomingMessage,
  { url, basePath }: Upstream,
  host: string,
  signing: Parameters<typeof forwardedHeaders>[2],
): ClientRequest {
  const headers = [...forwardedHeaders(request, host, signing), 'connection', 'Upgrade', 'upgrade', request.headers.upgrade ?? ''];
  const options = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port,
    servername: url.hostname,
    method: request.method,
    path: basePath + (request.url ?? ''),
    headers: headers as unknown as readonly string[],
    agent: false,
  };
  return url.protocol === 'https:' ? httpsRequest(options) : httpRequest(options);
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
  socket.end(rawAnswer(refusal));
}

/** A refusal for a connection that has no request and response any more. */
export function rawAnswer(refusal: Refusal): string {
  const body = bodyOf(refusal);
  const headers = { ...headersOf(refusal), 'content-length': String(Buffer.byteLength(body)), connection: 'close' };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? 'Refused'}\r\n${lines.join('')}\r\n${body}`;
}
