import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';

const KEEP_ALIVE_MS = 30_000;

/**
 * Begins an answer of server-sent events that this side writes to as it likes. It ends with its connection and is not cut into
 * chunks: an event is one write of bytes that were made once for everybody.
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
