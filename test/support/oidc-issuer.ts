import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { forge, type Genuine, type JwsAlgorithm } from './token-attacks.js';

interface KeyPair {
  privateKey: KeyObject;
  publicKey: KeyObject;
}

/** An OIDC issuer: it signs tokens and publishes its keys over HTTP. */
export class OidcIssuer {
  readonly issuer = 'https://login.example/realms/signet';
  readonly audience = 'signet';
  /** The number of requests for the keys. */
  fetches = 0;
  /** If set, answers in place of the keys. */
  instead: ((response: ServerResponse) => void) | undefined;
  /** Further keys in the published set. */
  readonly more: object[] = [];
  readonly #pairs = new Map<string, KeyPair>();
  #kid = '';

  private constructor(
    readonly alg: JwsAlgorithm,
    private readonly server: Server,
  ) {
    server.on('request', (_, response) => {
      this.fetches++;
      if (this.instead) return this.instead(response);
      const keys = [...this.#pairs].map(([kid, { publicKey }]) => ({
        ...publicKey.export({ format: 'jwk' }),
        kid,
        use: 'sig',
        alg: this.alg,
      }));
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [...this.more, ...keys] }));
    });
    this.rotate();
  }

  static async start(alg: JwsAlgorithm): Promise<OidcIssuer> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new OidcIssuer(alg, server);
  }

  async stop(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  get jwksUri(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/keys`;
  }

  /** Adds a key that signs from now on. Older keys stay published. */
  rotate(): void {
    this.#kid = `key-${this.#pairs.size + 1}`;
    const pair =
      this.alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.#pairs.set(this.#kid, pair);
  }

  /** Removes the oldest key from the set. */
  withdraw(): void {
    const [oldest] = this.#pairs.keys();
    this.#pairs.delete(oldest!);
  }

  /** Header and payload of a token issued now. */
  genuine(claims: object = {}): Genuine {
    const now = Math.floor(Date.now() / 1000);
    return {
      alg: this.alg,
      header: { alg: this.alg, typ: 'JWT', kid: this.#kid },
      claims: { iss: this.issuer, aud: this.audience, sub: 'user-1', iat: now, exp: now + 600, ...claims },
      ...this.#pairs.get(this.#kid)!,
    };
  }

  token(claims: object = {}, header: object = {}): string {
    return forge(this.genuine(claims), {}, header);
  }
}
