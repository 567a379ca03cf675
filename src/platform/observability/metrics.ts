import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Maximum age of the cached page, far below a scrape interval. */
const PAGE_MS = 1000;

/** Node's metrics of the process. They are collected once per process, because the collectors cannot be removed. */
const ofProcess = new Registry();

/** Creates a registry with the metrics of the process. Each service has its own, so that tests can run several services in one process. */
export function processMetrics(): Registry {
  const registry = new Registry();
  if (ofProcess.getMetricsAsArray().length === 0) collectDefaultMetrics({ register: ofProcess, prefix: 'signet_' });
  for (const { name } of ofProcess.getMetricsAsArray()) registry.registerMetric(ofProcess.getSingleMetric(name)!);
  return registry;
}

/** Metrics of the control plane. Those of a gateway node are in gateway/observability/gateway-metrics.ts. */
export class Metrics {
  readonly registry = processMetrics();
  readonly requests = new Histogram({
    name: 'signet_http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last byte of the response',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [this.registry],
  });

  readonly brokenRows = new Counter({
    name: 'signet_broken_rows_total',
    help: 'Database rows that were altered or moved and are therefore ignored; each is counted at most once a minute',
    labelNames: ['table'] as const,
    registers: [this.registry],
  });
  readonly watchers = new Gauge({ name: 'signet_watchers', help: 'Open watch streams', registers: [this.registry] });
  readonly droppedWatchers = new Counter({
    name: 'signet_watchers_dropped_total',
    help: 'Watch streams that were closed because their client did not read',
    registers: [this.registry],
  });

  #page: { text: Promise<string>; until: number } | undefined;

  /** Returns the Prometheus page, which is rendered at most once a second. @param now milliseconds */
  page(now: number): Promise<string> {
    if (!this.#page || now >= this.#page.until) this.#page = { text: this.registry.metrics(), until: now + PAGE_MS };
    return this.#page.text;
  }
}
