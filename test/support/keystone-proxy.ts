import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A proxy between the service and Keystone. It counts requests, records the service's own tokens, and can answer instead of Keystone. */
export class KeystoneProxy {
  /** The number of `POST /v3/auth/tokens`, which are the logins of the service user. */
  logins = 0;
  /** The number of `GET /v3/auth/tokens`, which are validations. */
  validations = 0;
  /** Tokens of the service user, the newest last. */
  readonly ownTokens: string[] = [];
  /** If set, answers validations in place of Keystone. */
  instead: Answer | undefined;
  /** If set, answers logins in place of Keystone. */
  insteadOfLogin: Answer | undefined;

  private constructor(
    private readonly server: Server,
    private readonly target: () => string,
  ) {
    server.on('request', (incoming, outgoing) => this.#forward(incoming, outgoing));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v3`;
  }

  /** @param target returns the base URL with `/v3`; called for each request */
  static async to(target: () => string): Promise<KeystoneProxy> {
    const server = createServer({ maxHeaderSize: 65_536 });
    const proxy = new KeystoneProxy(server, target);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  async stop(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const login = incoming.method === 'POST';
    if (login) this.logins++;
    else this.validations++;
    const instead = login ? this.insteadOfLogin : this.instead;
    if (instead) return instead(incoming, outgoing);
    const url = new URL(incoming.url!.replace('/v3', ''), 'http://x');
    const forwarded = request(
      this.target() + url.pathname + url.search,
      { method: incoming.method, headers: incoming.headers, maxHeaderSize: 65_536, agent: false },
      (answer) => {
        const token = answer.headers['x-subject-token'];
        if (login && typeof token === 'string') this.ownTokens.push(token);
        outgoing.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(outgoing);
      },
    );
    forwarded.on('error', () => outgoing.destroy());
    incoming.pipe(forwarded);
  }
}
