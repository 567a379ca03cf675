import { once } from 'node:events';
import { createServer, type IncomingMessage, request as httpRequest, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { KeyMaterial } from 'signet-signing';
import { expressJsonBackend } from './examples/express-json.js';
import { expressBackend } from './examples/express.js';
import { fastifyBackend } from './examples/fastify.js';
import { fetchBackend } from './examples/fetch.js';
import { nestBackend } from './examples/nest.js';

export interface Backend {
  port: number;
  stop: () => Promise<unknown>;
}

/** Each way to verify that docs/signing.md shows, listening on loopback. */
export const BACKENDS: Record<string, (keys: KeyMaterial[]) => Promise<Backend>> = {
  Express: (keys) => listen(expressBackend(keys)),
  'Express with a JSON parser': (keys) => listen(expressJsonBackend(keys)),
  async Fastify(keys) {
    const app = fastifyBackend(keys);
    await app.listen({ port: 0, host: '127.0.0.1' });
    return { port: (app.server.address() as AddressInfo).port, stop: () => app.close() };
  },
  async Nest(keys) {
    const app = await NestFactory.create(nestBackend(keys), new FastifyAdapter(), { rawBody: true, logger: false });
    await app.listen(0, '127.0.0.1');
    return { port: (app.getHttpServer().address() as AddressInfo).port, stop: () => app.close() };
  },
  fetch: (keys) => listen(served(fetchBackend(keys))),
};

export async function listen(handler: RequestListener): Promise<Backend> {
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, stop: async () => server.close().closeAllConnections() };
}

/** A fetch handler behind node:http, as in a runtime with `Request`. */
export const served =
  (handler: (request: Request) => Promise<Response>): RequestListener =>
  async (incoming, outgoing) => {
    const body = Buffer.concat(await incoming.toArray());
    const url = `http://${incoming.headers.host}${incoming.url}`;
    const { method } = incoming;
    const request = new Request(url, { method, headers: incoming.headers as never, ...(body.length > 0 && { body }) });
    const response = await handler(request);
    outgoing.writeHead(response.status, { 'content-type': 'application/json' }).end(await response.text());
  };

export interface Answer {
  status: number;
  body: { code?: string; hint?: string; signature?: Record<string, unknown>; order?: unknown };
}

/** Sends exactly this target and these bytes. */
export async function send(port: number, method: string, path: string, headers: object, body: string | Buffer = ''): Promise<Answer> {
  const chunked = 'transfer-encoding' in headers;
  const length = {
    ...(body.length > 0 && { 'content-type': 'application/json' }),
    ...(body.length > 0 && !chunked && { 'content-length': Buffer.byteLength(body) }),
  };
  const request = httpRequest({ host: '127.0.0.1', port, method, path, headers: { ...length, ...headers }, agent: false }).end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const text = Buffer.concat(await response.toArray()).toString();
  return { status: response.statusCode ?? 0, body: (text.startsWith('{') ? JSON.parse(text) : { text }) as Answer['body'] };
}
