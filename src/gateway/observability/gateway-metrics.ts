import { Counter, Gauge } from 'prom-client';
import { processMetrics } from '../../platform/observability/metrics.js';
import type { KeyStore } from '../keys/key-store.js';
import type { Session } from '../session/session.js';
import type { RefusalReason } from '../http/refusals.js';

export type Entrypoint = 'sign' | 'proxy';

/** The metrics of a gateway node, in addition to those of the process. */
export class GatewayMetrics {
  readonly registry = processMetrics();
  readonly #signed = new Counter({
    name: 'signet_gateway_signed_total',
    help: 'Requests signed',
    labelNames: ['face'] as const,
    registers: [this.registry],
  });
  readonly #unsigned = new Counter({
    name: 'signet_gateway_unsigned_total',
    help: 'Requests forwarded without a signature, because their API has no key and the configuration allows it',
    labelNames: ['face'] as const,
    registers: [this.registry],
  });
  readonly #refused = new Counter({
    name: 'signet_gateway_refused_total',
    help: 'Requests refused, by reason',
    labelNames: ['face', 'reason'] as const,
    registers: [this.registry],
  });

  readonly #open = new Gauge({
    name: 'signet_gateway_open_connections',
    help: 'WebSockets and streams that were opened by a signed request and are still open',
    registers: [this.registry],
  });
  readonly #closed = new Counter({
    name: 'signet_gateway_closed_connections_total',
    help: 'WebSockets and streams that were closed because their key does not sign any more',
    registers: [this.registry],
  });

  constructor(keys: KeyStore, session: Session) {
    const gauge = (name: string, help: string, value: () => number) =>
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(value());
        },
      });
    gauge('signet_gateway_revision', 'Revision that this node has applied', () => session.appliedRevision);
    gauge('signet_gateway_lag', 'Last known revision of the control plane minus the applied revision', () =>
      Math.max(0, keys.knownRevision - session.appliedRevision),
    );
    gauge('signet_gateway_contact_age_seconds', 'Time since the last report with a response was sent; -1: no report got a response', () =>
      Number.isFinite(session.contactAgeMs) ? session.contactAgeMs / 1000 : -1,
    );
    gauge('signet_gateway_lease_left_seconds', 'How long this node may sign without another response; +Inf: no end', () =>
      Math.max(0, session.leftMs / 1000),
    );
    gauge(
      'signet_gateway_clock_offset_seconds',
      'Wall clock of this machine minus that of the control plane; not a number: no report got a response',
      () => (session.clockOffset?.ms ?? Number.NaN) / 1000,
    );
    gauge(
      'signet_gateway_clock_offset_error_seconds',
      'Possible error of the offset: half of the report’s round-trip time',
      () => (session.clockOffset?.errorMs ?? Number.NaN) / 1000,
    );
    gauge('signet_gateway_ready', '1: this node signs; 0: it does not sign', () => (session.refusal === undefined ? 1 : 0));
    gauge('signet_gateway_routes', 'Published APIs in the key table', () => keys.table.routes.length);
    gauge(
      'signet_gateway_shadowed_routes',
      'Published APIs that no request reaches, because an older API has the same pattern',
      () => keys.table.unreachable.length,
    );
  }

  openConnections(count: number): void {
    this.#open.set(count);
  }

  closedConnections(count: number): void {
    this.#closed.inc(count);
  }

  signed(entrypoint: Entrypoint): void {
    this.#signed.inc({ face: entrypoint });
  }

  unsigned(entrypoint: Entrypoint): void {
    this.#unsigned.inc({ face: entrypoint });
  }

  refused(entrypoint: Entrypoint, reason: RefusalReason): void {
    this.#refused.inc({ face: entrypoint, reason });
  }
}
