import { Counter, Gauge } from 'prom-client';
import { Metrics } from '../observability/metrics.js';
import type { HeldKeys } from './held-keys.js';
import type { RefusalReason } from './refusals.js';

export type Face = 'sign' | 'proxy';

/** What `/metrics` of a gateway node shows, beside the process's own. */
export class GatewayMetrics {
  readonly registry = new Metrics().registry;
  readonly #signed = new Counter({
    name: 'signet_gateway_signed_total',
    help: 'Requests signed',
    labelNames: ['face'] as const,
    registers: [this.registry],
  });
  readonly #unsigned = new Counter({
    name: 'signet_gateway_unsigned_total',
    help: 'Requests let through without a signature, because the operator chose so for APIs that have no key',
    labelNames: ['face'] as const,
    registers: [this.registry],
  });
  readonly #refused = new Counter({
    name: 'signet_gateway_refused_total',
    help: 'Requests refused, by reason',
    labelNames: ['face', 'reason'] as const,
    registers: [this.registry],
  });

  constructor(held: HeldKeys) {
    const gauge = (name: string, help: string, value: () => number) =>
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(value());
        },
      });
    gauge('signet_gateway_revision', 'Revision that this node has applied', () => held.appliedRevision);
    gauge('signet_gateway_lag', "The control plane's revision, as far as known here, minus the applied one", () =>
      Math.max(0, held.knownRevision - held.appliedRevision),
    );
    gauge('signet_gateway_routes', 'Published APIs in the key table', () => held.table.routes.length);
    gauge(
      'signet_gateway_shadowed_routes',
      'Published APIs that no request reaches, since an older one has the same pattern',
      () => held.table.shadowed.length,
    );
  }

  signed(face: Face): void {
    this.#signed.inc({ face });
  }

  unsigned(face: Face): void {
    this.#unsigned.inc({ face });
  }

  refused(face: Face, reason: RefusalReason): void {
    this.#refused.inc({ face, reason });
  }
}
