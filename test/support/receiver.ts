import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** A request that arrived at a receiver. */
export interface Delivery {
  path: string;
  headers: IncomingHttpHeaders;
  /** The bytes of the body, as text. */
  body: string;
}

/** How a receiver answers: a status, a status with headers, or a function that handles the request. */
export type Reply = number | { status: number; headers?: Record<string, string> } | RequestListener;

/** The settings with which webhooks reach receivers on loopback. */
export const LOOPBACK_ENV = { SIGNET_WEBHOOKS: 'http=allow,check-dns=off', SIGNET_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8' };

/** A receiver of webhooks on loopback that records deliveries. */
export class Receiver {
  readonly deliveries: Delivery[] = [];
  /** The answers to the next requests, in order. Further requests get {@link reply}. */
  readonly script: Reply[] = [];
  reply: Reply = 200;
  readonly #waiting: { count: number; resolve: () => void }[] = [];

  private constructor(
    readonly server: Server,
    readonly origin: string,
  ) {}

  /** @param tls key and certificate for HTTPS */
  static async start(tls?: { key: string; cert: string }): Promise<Receiver> {
    const listener: RequestListener = (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        receiver.deliveries.push({ path: request.url ?? '', headers: request.headers, body });
        Receiver.answer(receiver.script.shift() ?? receiver.reply, request, response);
        receiver.tell();
      });
    };
    const server = (tls ? createSecureServer(tls, listener) : createServer(listener)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const receiver = new Receiver(server, tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`);
    return receiver;
  }

  static answer(reply: Reply, ...[request, response]: Parameters<RequestListener>): void {
    if (typeof reply === 'function') reply(request, response);
    else if (typeof reply === 'number') response.writeHead(reply).end();
    else response.writeHead(reply.status, reply.headers).end();
  }

  /** The deliveries to one path. */
  at(path: string): Delivery[] {
    return this.deliveries.filter((delivery) => delivery.path === path);
  }

  /** Resolves once this many deliveries have arrived. */
  async arrived(count: number): Promise<void> {
    if (this.deliveries.length >= count) return;
    await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
  }

  private tell(): void {
    for (const waiter of this.#waiting) if (this.deliveries.length >= waiter.count) waiter.resolve();
  }

  async stop(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }
}
