import { hash } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Metrics } from '../observability/metrics.js';

const KNOWN_MAX = 10_000;
/** The same broken row is logged and counted at most this often per process. */
const AGAIN_AFTER_MS = 60_000;

/** Reports database rows that this service did not write as they are: they are skipped, logged and counted. */
@Injectable()
export class BrokenRows {
  readonly #logger = new Logger(BrokenRows.name);
  readonly #known = new LRUCache<string, true>({ max: KNOWN_MAX, ttl: AGAIN_AFTER_MS });

  constructor(private readonly metrics: Metrics) {}

  /**
   * @param row identifies it for an operator, e.g. its id
   * @param why never contains a value of the row
   * @param value what was checked: another value in the same row is reported again
   */
  record(table: string, row: string, why: string, value: string): void {
    const key = keyOf(table, row, value);
    if (this.#known.has(key)) return;
    this.#known.set(key, true);
    this.metrics.brokenRows.inc({ table });
    this.#logger.error(`${table} ${row} is left out: ${why}`);
  }

  /** Whether this row was recently reported with this value. */
  isKnown(table: string, row: string, value: string): boolean {
    return this.#known.has(keyOf(table, row, value));
  }
}

/** Hashed, so that the cache holds no large values. */
const keyOf = (...parts: string[]) => hash('sha256', JSON.stringify(parts), 'base64url');
