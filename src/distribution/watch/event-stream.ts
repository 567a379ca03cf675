import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';

const KEEP_ALIVE_MS = 30_000;

/**
 * Begins a response of server-sent events. It uses neither chunked encoding nor keep-alive. So one write of a buffer that all subscribers
 * share sends an event.
 */
export function beginStream(request: FastifyRequest, reply: FastifyReply): ServerResponse {
  reply.hijack();
  const { raw } = reply;
  raw.socket?.setNoDelay(true);
  raw.socket?.setKeepAlive(true, KEEP_ALIVE_MS);
  raw.removeHeader('transfer-encoding');
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'x-accel-buffering': 'no',
    connection: 'close',
  });
  raw.flushHeaders();
  if (request.method === 'HEAD') raw.end();
  return raw;
}
