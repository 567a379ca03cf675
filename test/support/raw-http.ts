import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { KeyLookup } from '#signing/verify.js';
import { verifySignature } from '#signing/verify.js';

export interface RawAnswer {
  status: number;
  headers: IncomingMessage['headers'];
  text: string;
  body: any;
  /** Whether the gateway sent `100 Continue` before its answer. */
  continued: boolean;
}

/** Sends a request unchanged. Unlike `fetch`, it does not normalise paths and accepts every header. */
export async function raw(
  port: number,
  method: string,
  path: string,
  { headers = {}, body, chunked = false }: { headers?: Record<string, string>; body?: Buffer | string; chunked?: boolean } = {},
): Promise<RawAnswer> {
  const length = body === undefined || chunked ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    method,
    path,
    headers: { host: 'api.example', ...length, ...headers },
    agent: false,
  });
  let continued = false;
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  request.on('continue', () => (continued = true));
  if (headers['expect'] !== undefined) {
    request.flushHeaders();
    await Promise.race([once(request, 'continue'), answered]);
  }
  request.on('error', () => undefined);
  request.end(body);
  const [response] = await answered;
  let text = '';
  response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await once(response, 'end');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.statusCode!, headers: response.headers, text, body: json, continued };
}

/** A server on a loopback port whose answers the test writes. */
export async function backend(
  listener: (request: IncomingMessage, response: ServerResponse) => void,
  port = 0,
): Promise<Server & { port: number }> {
  const server = createServer(listener).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(server, { port: (server.address() as AddressInfo).port });
}

export async function stop(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

/** Accepts signed WebSocket upgrades, and echoes every short text frame. */
export function echoWebSockets(server: Server, keys: KeyLookup): void {
  server.on('upgrade', (request, socket) => {
    const { method = '', url = '', headers } = request;
    const { ok } = verifySignature({ method, url, headers, body: '' }, { keys });
    if (!ok) return void socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
    const accept = createHash('sha1').update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
    );
    socket.on('data', (frame: Buffer) => {
      const [first = 0, second = 0] = frame;
      if ((first & 0x0f) !== 1) return void socket.end();
      const length = second & 0x7f;
      const mask = frame.subarray(2, 6);
      const text = Buffer.from(frame.subarray(6, 6 + length).map((byte, i) => byte ^ mask[i % 4]!));
      socket.write(Buffer.concat([Buffer.from([0x81, length]), text]));
    });
    socket.on('error', () => undefined);
  });
}
