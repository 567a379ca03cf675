import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type KeyMaterial, verifySignature } from 'signet-signing';
import { stop } from './raw-http.js';
import { type Accepted, type Received, vendorVerify } from './vendor-verifier.js';

export interface Recorded extends Received {
  /** The headers as they arrived: name, value, name, value … */
  rawHeaders: string[];
  /** The result of the verifier; undefined means 401. */
  accepted: Accepted | undefined;
}

/** A backend that records every request, and answers 200 or 401 like existing verifiers. */
export class RecordingBackend {
  readonly requests: Recorded[] = [];
  /** Whether bodies are changed on the way from the gateway. */
  altersBodies = false;
  readonly #server: Server;

  private constructor(
    private readonly secretOf: (key: string) => string | undefined,
    private readonly messageKeys: readonly KeyMaterial[],
  ) {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    // A tunnel that a gateway should not open is recorded and answered like any request.
    this.#server.on('upgrade', (request: IncomingMessage, socket) => {
      this.#record(request, Buffer.alloc(0));
      socket.on('error', () => undefined);
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok');
    });
  }

  /** @param messageKeys keys of HTTP message signatures */
  static async start(secretOf: (key: string) => string | undefined, messageKeys: readonly KeyMaterial[] = []): Promise<RecordingBackend> {
    const backend = new RecordingBackend(secretOf, messageKeys);
    backend.#server.listen(0, '127.0.0.1');
    await once(backend.#server, 'listening');
    return backend;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Returns the requests since the last call. */
  take(): Recorded[] {
    return this.requests.splice(0);
  }

  stop(): Promise<void> {
    return stop(this.#server);
  }

  #record(request: IncomingMessage, body: Buffer): Recorded {
    const { method = '', url = '', headers, rawHeaders } = request;
    const received = { method, url, headers, body };
    const recorded = { ...received, rawHeaders, accepted: vendorVerify(received, this.secretOf) ?? this.#acceptedMessage(received) };
    this.requests.push(recorded);
    return recorded;
  }

  #acceptedMessage(received: Received): Accepted | undefined {
    if (received.headers['authorization'] !== undefined || received.headers['signature-input'] === undefined) return undefined;
    const verdict = verifySignature(received, { keys: this.messageKeys, allowUnsignedPayload: true });
    return verdict.ok ? { key: verdict.keyId, signedHeaders: verdict.signedHeaders } : undefined;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request).catch(() => undefined);
    if (body === undefined) return void response.destroy();
    if (this.altersBodies && body.length > 0) body[0]! ^= 1;
    const { accepted } = this.#record(request, body);
    response.writeHead(accepted ? 200 : 401, { 'content-type': 'text/plain' }).end(accepted ? 'ok' : 'refused');
  }
}
