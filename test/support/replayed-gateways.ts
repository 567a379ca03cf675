import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { isValidFraming } from '../../src/gateway/http/admission.js';
import { targetOf } from '../../src/gateway/http/request-target.js';
import { stop } from './raw-http.js';

export const REPLAYED = ['envoy', 'traefik', 'apisix'] as const;
export type Replayed = (typeof REPLAYED)[number];

const SIGNING = ['authorization', 'x-sdk-date', 'x-sdk-content-sha256', 'signature-input', 'signature', 'content-digest'];
/** Hop-by-hop headers, and headers that the golden configurations remove before they call the signer. */
const REMOVED = new Set([
  ...SIGNING,
  ...['expect', 'connection', 'transfer-encoding', 'upgrade', 'http2-settings', 'trailer'],
  ...['x-original-uri', 'x-original-method', 'x-original-host', 'x-original-content-length', 'x-original-transfer-encoding'],
  ...['x-forwarded-uri', 'x-forwarded-method', 'x-forwarded-host'],
]);
/** The limits in the golden configurations. */
const BODY_MAX: Record<Replayed, number> = { envoy: 1_048_576, traefik: 12_582_912, apisix: 64 * 1024 * 1024 };

interface Question {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer | undefined;
}

/** The documented request of each gateway to its signer, with the configuration of `signet gen`. */
const QUESTIONS: Record<Replayed, (request: IncomingMessage, body: Buffer) => Question> = {
  // Envoy sends the client's method, its path below the prefix, Authorization and the headers in allowed_headers.
  envoy: ({ method = '', url = '', headers }, body) => ({
    method,
    path: `/envoy${url}`,
    headers: {
      host: headers.host,
      ...pick(headers, ['authorization', 'x-stage']),
      'content-length': String(body.length),
    },
    body,
  }),
  // Traefik sends a GET with every header of the client, new X-Forwarded-* headers, and the body in chunks.
  traefik: ({ method = '', url = '', headers }, body) => {
    const own = ['x-original-uri', 'x-original-method', 'x-original-host', 'content-length', 'transfer-encoding', 'connection', 'expect'];
    const { host, ...copied } = Object.fromEntries(Object.entries(headers).filter(([name]) => !own.includes(name)));
    return {
      method: 'GET',
      path: '/sign',
      headers: { ...copied, host: 'signer', ...forwarded(method, url, host as string) },
      body: body.length > 0 ? body : undefined,
    };
  },
  // APISIX sends a POST with X-Forwarded-*, the headers in request_headers, and the body.
  apisix: ({ method = '', url = '', headers }, body) => ({
    method: 'POST',
    path: '/sign',
    headers: {
      host: 'signer',
      ...pick(headers, ['x-stage']),
      ...forwarded(method, url, headers.host ?? ''),
      'content-length': String(body.length),
    },
    body,
  }),
};

const pick = (headers: IncomingHttpHeaders, names: readonly string[]) =>
  Object.fromEntries(names.filter((name) => headers[name] !== undefined).map((name) => [name, headers[name]]));
const forwarded = (method: string, uri: string, host: string) => ({
  'x-forwarded-method': method,
  'x-forwarded-uri': uri,
  'x-forwarded-host': host,
  'x-forwarded-proto': 'http',
  'x-forwarded-for': '127.0.0.1',
});

/** A gateway that is not in Debian, as its signer sees it. It handles the answer as its documentation says. */
export class ReplayedGateway {
  private constructor(private readonly server: Server) {}

  static async start(name: Replayed, { signer, upstream }: { signer: string; upstream: string }): Promise<ReplayedGateway> {
    const server = createServer({ maxHeaderSize: 128 * 1024 }, (request, response) => {
      answer(name, signer, upstream, request, response).catch(() => response.destroy());
    });
    server.on('connect', (_request, socket) =>
      socket.on('error', () => socket.destroy()).end('HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n'),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ReplayedGateway(server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  stop(): Promise<void> {
    return stop(this.server);
  }
}

async function answer(name: Replayed, signer: string, upstream: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { host: hosts, 'transfer-encoding': codings = [] } = request.headersDistinct;
  // The steps of every gateway before it calls the signer.
  const { target, authority = hosts?.[0] } = targetOf(request.url ?? '');
  if (
    hosts?.length !== 1 ||
    hosts[0] === '' ||
    authority !== hosts[0] ||
    !target.startsWith('/') ||
    !isValidFraming(codings, request.httpVersion)
  )
    return void response.writeHead(400).end();
  request.url = target;
  const body = await buffer(request);
  if (body.length > BODY_MAX[name]) return void response.writeHead(413).end();
  const decision = await send(signer, QUESTIONS[name](request, body));
  if (decision.status >= 300) {
    const told = pick(decision.headers, ['content-type', 'retry-after']);
    return void response.writeHead(decision.status, told).end(decision.body);
  }
  const { method = '', url: path = '' } = request;
  const headers = { ...request.headers };
  for (const header of Object.keys(headers)) if (REMOVED.has(header) || /[^a-z0-9-]/.test(header)) delete headers[header];
  Object.assign(headers, pick(decision.headers, SIGNING));
  const length = body.length > 0 || headers['content-length'] !== undefined ? { 'content-length': String(body.length) } : {};
  const answered = await send(upstream, { method, path, headers: { ...headers, ...length }, body });
  response.writeHead(answered.status, pick(answered.headers, ['content-type'])).end(answered.body);
}

async function send(url: string, { method, path, headers, body }: Question) {
  const { hostname, port } = new URL(url);
  const request = httpRequest({ host: hostname, port, method, path, headers, agent: false });
  // Node sends the body of a GET only with explicit framing headers.
  if (body && body.length > 0 && headers['content-length'] === undefined) request.setHeader('transfer-encoding', 'chunked');
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) };
}
