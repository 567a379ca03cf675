import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { Server as NetServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Shuts a server down without losing a request. An idle keep-alive connection stays open until its next response, which contains
 * `Connection: close`. Connections that stay idle are closed at the end of the grace period. (`server.close()` of node:http closes idle
 * connections at once, and so loses requests that are already on their way.)
 */
export class ConnectionDrain {
  readonly #open = new Set<Socket>();
  readonly #answers = new Set<ServerResponse>();
  #draining = false;
  #allClosed: (() => void) | undefined;

  /** @param server a server that does not listen yet */
  constructor(private readonly server: HttpServer | HttpsServer) {
    server.on('connection', (socket: Socket) => {
      this.#open.add(socket);
      socket.once('close', () => {
        this.#open.delete(socket);
        if (this.#open.size === 0) this.#allClosed?.();
      });
    });
    const note = (_request: IncomingMessage, response: ServerResponse) => {
      if (this.#draining) response.shouldKeepAlive = false;
      this.#answers.add(response);
      response.once('close', () => this.#answers.delete(response));
    };
    server.prependListener('request', note).prependListener('checkContinue', note);
  }

  /** Stops accepting connections, and ends keep-alive. Resolves when all connections are closed, after `graceMs` at the latest. */
  async run(graceMs: number): Promise<void> {
    this.#draining = true;
    for (const response of this.#answers) response.shouldKeepAlive = false;
    NetServer.prototype.close.call(this.server);
    if (this.#open.size > 0) {
      const over = new AbortController();
      const closed = new Promise<void>((resolve) => (this.#allClosed = resolve));
      await Promise.race([closed, delay(graceMs, undefined, { signal: over.signal }).catch(() => undefined)]);
      over.abort();
    }
    for (const socket of this.#open) socket.destroy();
  }
}
