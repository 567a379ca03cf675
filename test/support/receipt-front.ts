import { once } from 'node:events';
import { Agent, createServer, get, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { AdminSocket } from './admin-socket.js';
import { accessIn, type Ask } from './probes.js';
import { stop } from './raw-http.js';
import { StockGateway, stockFolder } from './stock-gateways.js';

const SIGNED_WITH = 'signed-with';
const ANSWER_MS = 1000;

interface Around {
  /** Tells the backend which workers are alive. */
  master: boolean;
  /** HAProxy ends its old workers after this time. */
  hardStopSeconds: number;
}

/** An HAProxy that signs by itself, with an admin socket that can fail and a backend that answers the name of the signing key. */
export class Front {
  readonly #agent = new Agent({ keepAlive: true });

  private constructor(
    private readonly haproxy: StockGateway,
    readonly admin: AdminSocket,
    private readonly backend: Server,
    private readonly path: string,
    /** The variables of the node that updates its maps. */
    readonly env: Record<string, string>,
  ) {}

  /** @param path of the requested API */
  static async start(path: string, { master, hardStopSeconds }: Around): Promise<Front> {
    const backend = createServer(({ headers }, answer) =>
      answer.setHeader(SIGNED_WITH, accessIn(headers['authorization']) ?? '').end(),
    ).listen(0, '127.0.0.1');
    await once(backend, 'listening');
    const at = stockFolder('haproxy');
    const haproxy = await StockGateway.start('haproxy', {
      folder: at.folder,
      socket: at.socket,
      master: master ? at.master : undefined,
      hardStop: `${hardStopSeconds}s`,
      requestTimeout: '60s',
      signer: 'http://127.0.0.1:1',
      upstream: `http://127.0.0.1:${(backend.address() as AddressInfo).port}`,
    });
    const between = join(at.folder, 'between.sock');
    const admin = await AdminSocket.before(at.socket, between);
    return new Front(haproxy, admin, backend, path, {
      SIGNET_GATEWAY_HAPROXY: `socket=${between},maps=${at.folder},hard-stop-after=${hardStopSeconds * 1000}ms${master ? `,master=${at.master}` : ''}`,
    });
  }

  /** Sends a request to its port. */
  readonly ask: Ask = () =>
    new Promise((resolve, reject) => {
      const at = { host: '127.0.0.1', port: this.haproxy.port, path: this.path, agent: this.#agent, timeout: ANSWER_MS };
      const request = get({ ...at, headers: { host: 'api.example' } }, (answer) => {
        answer.resume().once('error', reject);
        answer.once('end', () => resolve(keyIn(answer.headers[SIGNED_WITH])));
      });
      request.once('timeout', () => request.destroy(new Error('no answer in time'))).once('error', reject);
    });

  /** Reloads it: starts another worker while earlier workers finish their connections. */
  reload(): Promise<void> {
    return this.haproxy.reload();
  }

  /** Opens idle connections to the current worker. Each can carry one request, also after a reload. */
  async connected(amount: number): Promise<Ask[]> {
    const sockets = Array.from({ length: amount }, () => connect(this.haproxy.port, '127.0.0.1').on('error', () => undefined));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    // A later connection was answered, so the earlier connections are accepted.
    await this.ask().catch(() => undefined);
    return sockets.map((socket) => () => this.#askOn(socket));
  }

  /** @returns undefined also if the connection is closed */
  async #askOn(socket: Socket): Promise<string | undefined> {
    if (socket.destroyed) return undefined;
    let text = '';
    socket.setEncoding('latin1').on('data', (part: string) => (text += part));
    const closed = once(socket, 'close').catch(() => undefined);
    socket.write(`GET ${this.path} HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n`);
    await closed;
    return keyIn(new RegExp(`^${SIGNED_WITH}: (.*)\r$`, 'mi').exec(text)?.[1]);
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    this.admin.close();
    await this.haproxy.stop();
    await stop(this.backend);
  }
}

const keyIn = (header: string | string[] | undefined): string | undefined =>
  typeof header === 'string' && header !== '' ? header : undefined;
