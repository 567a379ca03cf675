import { Agent as HttpAgent, type ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { EndpointBlocked } from '../endpoints/ssrf-guard.errors.js';
import type { SsrfGuard } from '../endpoints/ssrf-guard.js';

/** The remote address of a connection, and the time that it took to establish it, in milliseconds. */
export interface ConnectionInfo {
  address: string;
  /** Absent when the host is an IP address. */
  dnsMs?: number;
  tcpMs: number;
  /** Absent over plain HTTP. */
  tlsMs?: number;
}

/** The phases of a request, each named after what it waits for: the DNS look-up, the TCP connection, the TLS handshake, the response. */
export type Phase = 'name' | 'connect' | 'handshake' | 'answer';

/** A connection to an origin, which carries one request at a time. */
export interface Connection {
  readonly origin: string;
  /** Owns one socket and keeps it open between requests. */
  readonly agent: HttpAgent;
  /** Address and timings of the open socket; undefined before the first connection. */
  info: ConnectionInfo | undefined;
  phase: Phase;
  /** Whether the open socket has already carried a request. */
  reused: boolean;
}

/** The usual idle time-out of HTTP servers. A `Keep-Alive: timeout` of the receiver takes precedence. */
const IDLE_MS = 4000;
/** Maximum number of idle connections over all endpoints. */
const IDLE_MAX = 256;

/**
 * Keep-alive pool of connections to receivers. It protects against DNS rebinding: the address is checked in the look-up whose result the
 * socket uses, and again on the connected socket (docs/contracts/endpoints.md §1.14).
 */
export class ConnectionPool {
  readonly #idle = new Map<string, Connection[]>();
  #idleCount = 0;

  constructor(
    private readonly ssrfGuard: SsrfGuard,
    private readonly connectTimeoutMs: number,
  ) {}

  acquire(origin: string): Connection {
    const idle = this.#idle.get(origin);
    const kept = idle?.pop();
    if (idle?.length === 0) this.#idle.delete(origin);
    if (!kept) return this.create(origin);
    this.#idleCount--;
    return kept;
  }

  /** Creates a connection. Its socket opens with the first request. */
  create(origin: string): Connection {
    const secure = origin.startsWith('https:');
    // node:http accepts a `100 Continue` that was not requested; undici would close the connection.
    const options = { keepAlive: true, maxSockets: 1, maxFreeSockets: 1, timeout: IDLE_MS };
    const agent = secure ? new HttpsAgent(options) : new HttpAgent(options);
    const connection: Connection = { origin, agent, info: undefined, phase: 'name', reused: false };
    const create = agent.createConnection.bind(agent);
    agent.createConnection = (target, callback) => this.connect(connection, create, target, callback);
    return connection;
  }

  /** Returns a connection to the pool after a complete response. */
  release(connection: Connection): void {
    if (this.#idleCount >= IDLE_MAX) return this.discard(connection);
    connection.reused = true;
    this.#idleCount++;
    const idle = this.#idle.get(connection.origin);
    if (idle) idle.push(connection);
    else this.#idle.set(connection.origin, [connection]);
  }

  /** Closes a connection whose response is incomplete. */
  discard(connection: Connection): void {
    connection.agent.destroy();
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

  private connect(
    connection: Connection,
    create: HttpAgent['createConnection'],
    target: ClientRequestArgs,
    callback?: (error: Error | null, socket: Duplex) => void,
  ): Duplex | null | undefined {
    const host = target.host ?? '';
    if (isIP(host) !== 0 && !this.ssrfGuard.permits(host)) {
      // Node ignores the second argument if there is an error.
      callback?.(new EndpointBlocked(), undefined as never);
      return undefined;
    }
    const started = performance.now();
    let resolved: number | undefined;
    connection.phase = isIP(host) === 0 ? 'name' : 'connect';
    const lookup: LookupFunction = (name, { all }, done) => {
      this.ssrfGuard.resolve(name).then(
        (addresses) => {
          resolved = performance.now();
          connection.phase = 'connect';
          const found = addresses.map((address) => ({ address, family: isIP(address) }));
          if (all) done(null, found);
          else done(null, found[0]?.address ?? '', found[0]?.family);
        },
        (error: Error) => done(error, ''),
      );
    };
    const socket = create({ ...target, lookup }, callback) as Socket;
    const secure = connection.origin.startsWith('https:');
    const timer = setTimeout(() => {
      socket.destroy(Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' }));
    }, this.connectTimeoutMs);
    // Registered before all other listeners, so that the socket of a blocked address is destroyed before anything is written to it.
    socket.once('connect', () => {
      if (!this.ssrfGuard.permits(socket.remoteAddress ?? '')) return void socket.destroy(new EndpointBlocked());
      const connected = performance.now();
      if (secure) connection.phase = 'handshake';
      const onConnected = () => {
        clearTimeout(timer);
        connection.phase = 'answer';
        connection.info = {
          address: socket.remoteAddress ?? '',
          ...(resolved !== undefined && { dnsMs: resolved - started }),
          tcpMs: connected - (resolved ?? started),
          ...(secure && { tlsMs: performance.now() - connected }),
        };
        connection.reused = false;
      };
      if (secure) socket.once('secureConnect', onConnected);
      else onConnected();
    });
    socket.once('close', () => {
      clearTimeout(timer);
      this.forget(connection);
    });
    return socket;
  }
}
