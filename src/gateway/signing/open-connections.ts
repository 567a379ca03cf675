import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { GatewayMetrics } from '../observability/gateway-metrics.js';
import type { KeyStore } from '../keys/key-store.js';
import { KeyTable } from '../keys/key-table.js';
import type { InFlightRequests } from '../session/in-flight-requests.js';
import type { Session } from '../session/session.js';

/** A connection of a signed request without a known end: an upgrade, an event stream, or a body that is still arriving. */
export interface OpenConnection {
  /** Closes the connection. */
  end(): void;
  /** The sockets that must be closed before the connection counts as ended. Read just before {@link end} is called. */
  sockets(): readonly (Socket | null | undefined)[];
}

/** The key that signed the request, and its publication. */
export interface Opener {
  publishId: string;
  signId: string;
}

interface Entry extends OpenConnection, Opener {}

const CHECK_INTERVAL_MS = 500;

/**
 * Connections that outlive their signed request. If the gateway's setting is `close`, a connection is closed as soon as its key does not
 * sign for its publication any more. It counts as an in-flight request until its sockets are closed, so that the change is acknowledged
 * only then. When the lease expires, all connections are closed, because receipts do not wait for this node any more.
 */
export class OpenConnections {
  readonly #open = new Set<Entry>();
  /** The setting in the last replicated table. The empty table after a drop has no setting. */
  #closes = false;
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly keys: KeyStore,
    private readonly session: Pick<Session, 'refusal'>,
    private readonly requests: InFlightRequests,
    private readonly metrics: Pick<GatewayMetrics, 'openConnections' | 'closedConnections'>,
    private readonly logger: Logger,
  ) {
    keys.onSwitch((table) => this.#onSwitch(table));
    this.#timer = setInterval(() => this.#checkLease(), CHECK_INTERVAL_MS);
    this.#timer.unref();
  }

  /**
   * Tracks a connection.
   * @returns a function that must be called when the connection ends; undefined: the key has already ended, so the connection must not be
   * opened
   */
  add(opener: Opener, connection: OpenConnection): (() => void) | undefined {
    const entry = { ...opener, ...connection };
    if (this.#closes && (this.#isKeyRevoked(entry, this.keys.table) || this.#mayNotSign())) return undefined;
    this.#open.add(entry);
    this.metrics.openConnections(this.#open.size);
    return () => {
      if (this.#open.delete(entry)) this.metrics.openConnections(this.#open.size);
    };
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #onSwitch(table: KeyTable): void {
    if (table !== KeyTable.EMPTY) this.#closes = table.openConnections === 'close';
    if (this.#closes) this.#closeWhere((entry) => this.#isKeyRevoked(entry, table));
  }

  #checkLease(): void {
    if (this.#closes && this.#open.size > 0 && this.#mayNotSign()) this.#closeWhere(() => true);
  }

  /** Whether receipts do not wait for this node any more. (A node that leaves closes its connections itself.) */
  #mayNotSign(): boolean {
    const { refusal } = this.session;
    return refusal !== undefined && refusal !== 'leaving';
  }

  /** Whether the key does not sign for the publication any more. A new secret of the same key does not count. */
  #isKeyRevoked({ publishId, signId }: Opener, table: KeyTable): boolean {
    return table.route(publishId)?.key?.sign.sign_id !== signId;
  }

  #closeWhere(over: (entry: Entry) => boolean): void {
    let closed = 0;
    for (const entry of this.#open) {
      if (!over(entry)) continue;
      this.#open.delete(entry);
      this.#close(entry);
      closed++;
    }
    if (closed === 0) return;
    this.metrics.openConnections(this.#open.size);
    this.metrics.closedConnections(closed);
    this.logger.warn({ connections: closed }, 'connections were closed because their key does not sign any more');
  }

  #close(entry: Entry): void {
    const over = this.requests.enter();
    const sockets = entry.sockets().filter((socket) => socket && !socket.closed) as Socket[];
    let left = sockets.length;
    for (const socket of sockets) socket.once('close', () => (--left === 0 ? over() : undefined));
    entry.end();
    if (left === 0) setImmediate(over);
  }
}
