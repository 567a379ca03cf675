import { hash } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Metrics } from '../observability/metrics.js';

const KNOWN_MAX = 10_000;
/** A process logs and counts the same broken row at most once in this time. */
const AGAIN_AFTER_MS = 60_000;

/** Reports database rows that were altered outside this service. Such rows are ignored, logged and counted. */
@Injectable()
export class BrokenRows {
  readonly #logger = new Logger(BrokenRows.name);
  readonly #known = new LRUCache<string, true>({ max: KNOWN_MAX, ttl: AGAIN_AFTER_MS });

  constructor(private readonly metrics: Metrics) {}

  /**
   * @param row identifies the row for an operator, e.g. by its id
   * @param why never contains a value of the row
   * @param value the checked value. Another value in the same row is reported again
   */
  record(table: string, row: string, why: string, value: string): void {
    const key = keyOf(table, row, value);
    if (this.#known.has(key)) return;
    this.#known.set(key, true);
    this.metrics.brokenRows.inc({ table });
    this.#logger.error(`${table} ${row} is ignored: ${why}`);
  }

  /** Whether this row was reported with this value recently. */
  isKnown(table: string, row: string, value: string): boolean {
    return this.#known.has(keyOf(table, row, value));
  }
}

/** Hashes the parts, so that the cache contains no large values. */
const keyOf = (...parts: string[]) => hash('sha256', JSON.stringify(parts), 'base64url');
