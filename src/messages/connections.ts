import { isIP, type LookupFunction, type Socket } from 'node:net';
import { buildConnector, Client } from 'undici';
import { EndpointBlocked } from '../endpoints/targets.errors.js';
import type { Targets } from '../endpoints/targets.js';

/** How a connection came about, in milliseconds, and where it leads. */
export interface Made {
  address: string;
  /** Absent when the host is an address. */
  dnsMs?: number;
  tcpMs: number;
  /** Absent over plain HTTP. */
  tlsMs?: number;
}

/** One connection to an origin, which carries one request at a time. */
export interface Connection {
  readonly origin: string;
  readonly client: Client;
  /** Of the socket that is open now; absent before the first. */
  made: Made | undefined;
  /** The open socket has carried a request already. */
  reused: boolean;
}

/** As long as a receiver's server commonly keeps a silent connection; its own `Keep-Alive: timeout` counts where it sends one. */
const IDLE_MS = 4000;
/** Silent connections are kept in case more comes, not for ever: this many at most, over all endpoints. */
const IDLE_MAX = 256;
const HEADERS_MAX_BYTES = 16_384;

/**
 * Connections to receivers. Every address is judged when a connection is made, by the look-up that the socket itself uses and
 * once more on the socket (endpoints §1.14): a name that moved after the endpoint was created leads nowhere it must not.
 */
export class Connections {
  readonly #idle = new Map<string, Connection[]>();
  #idleCount = 0;

  constructor(
    private readonly targets: Targets,
    private readonly connectTimeoutMs: number,
  ) {}

  take(origin: string): Connection {
    const idle = this.#idle.get(origin);
    const kept = idle?.pop();
    if (idle?.length === 0) this.#idle.delete(origin);
    if (!kept) return this.fresh(origin);
    this.#idleCount--;
    return kept;
  }

  /** A connection that is not there yet: its first request makes it. */
  fresh(origin: string): Connection {
    const client = new Client(origin, {
      // Each attempt has one clock of its own, which covers all of it.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: IDLE_MS,
      maxHeaderSize: HEADERS_MAX_BYTES,
      connect: (options, callback) => this.connect(connection, options, callback),
    });
    const connection: Connection = { origin, client, made: undefined, reused: false };
    // An idle client whose socket closed is only memory.
    client.on('disconnect', () => this.forget(connection));
    return connection;
  }

  /** Gives back a connection whose request is over. */
  release(connection: Connection): void {
    if (this.#idleCount >= IDLE_MAX) return this.discard(connection);
    connection.reused = true;
    this.#idleCount++;
    const idle = this.#idle.get(connection.origin);
    if (idle) idle.push(connection);
    else this.#idle.set(connection.origin, [connection]);
  }

  /** Ends a connection whose request is not over. */
  discard(connection: Connection): void {
    void connection.client.destroy().catch(() => undefined);
  }

  close(): void {
    for (const connection of [...this.#idle.values()].flat()) this.discard(connection);
    this.#idle.clear();
    this.#idleCount = 0;
  }

  private forget(connection: Connection): void {
    const idle = this.#idle.get(connection.origin);
    const at = idle?.indexOf(connection) ?? -1;
    if (!idle || at === -1) return;
    idle.splice(at, 1);
    if (idle.length === 0) this.#idle.delete(connection.origin);
    this.#idleCount--;
    this.discard(connection);
  }

  private connect(connection: Connection, options: buildConnector.Options, callback: buildConnector.Callback): void {
    const { hostname } = options;
    if (isIP(hostname) !== 0 && !this.targets.permits(hostname)) return callback(new EndpointBlocked(), null);
    const started = performance.now();
    let resolved: number | undefined;
    let connected = started;
    const lookup: LookupFunction = (host, { all }, done) => {
      this.targets.resolve(host).then(
        (addresses) => {
          resolved = performance.now();
          const found = addresses.map((address) => ({ address, family: isIP(address) }));
          if (all) done(null, found);
          else done(null, found[0]?.address ?? '', found[0]?.family);
        },
        (error: Error) => done(error, ''),
      );
    };
    const connector = buildConnector({ allowH2: false, timeout: this.connectTimeoutMs, lookup });
    const made = (error: Error | null, socket: Socket | null) => {
      if (error || !socket) return callback(error ?? new Error('no socket'), null);
      connection.made = {
        address: socket.remoteAddress ?? '',
        ...(resolved !== undefined && { dnsMs: resolved - started }),
        tcpMs: connected - (resolved ?? started),
        ...(options.protocol === 'https:' && { tlsMs: performance.now() - connected }),
      };
      connection.reused = false;
      callback(null, socket);
    };
    // undici answers the socket as soon as it is there, which its types leave out.
    const socket = connector(options, made) as unknown as Socket;
    socket.once('connect', () => {
      connected = performance.now();
      if (!this.targets.permits(socket.remoteAddress ?? '')) socket.destroy(new EndpointBlocked());
    });
  }
}
