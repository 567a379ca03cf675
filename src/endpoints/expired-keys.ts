import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { Recurring } from '../common/recurring.js';
import { Database } from '../database/database.js';
import { holdLease } from '../database/lease.js';
import { operator } from '../projects/operator.js';
import type { EndpointScope } from './endpoint-scope.js';
import { SigningKeysService } from './signing-keys.service.js';

const TICK_MS = 5_000;
const LEASE = 'expired-signing-keys';
const LEASE_MS = 20_000;
const BATCH = 100;

/**
 * Destroys the secrets of signing keys that have expired. They sign nothing from the instant of their end on, whoever tidies up when; this
 * is so that no secret lies about that nobody needs. One process at a time does it.
 */
@Injectable()
export class ExpiredKeys implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(ExpiredKeys.name);
  readonly #holder = newId();
  readonly #ticks = new Recurring(
    TICK_MS,
    () => this.tick(),
    (error) => this.report(error),
  );

  constructor(
    private readonly database: Database,
    private readonly keys: SigningKeysService,
    private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    this.#ticks.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.#ticks.stop();
  }

  /** Removes every key that has expired, a batch at most. */
  async tick(): Promise<void> {
    const due = await this.database.rows<EndpointScope>(
      'SELECT DISTINCT project_id AS projectId, endpoint_id AS endpointId FROM signing_keys WHERE expires_at <= ? LIMIT ?',
      [this.clock.now(), String(BATCH)],
    );
    if (due.length === 0 || !(await holdLease(this.database, LEASE, this.#holder, this.clock.now(), LEASE_MS))) return;
    for (const scope of due) {
      if (this.#ticks.stopped) return;
      await this.keys.removeExpired(scope, operator('signet')).catch((error: unknown) => this.report(error));
    }
  }

  /** The key stays, and the next tick tries again. */
  private report(error: unknown): void {
    this.#logger.warn(`an expired signing key could not be removed: ${error instanceof Error ? error.name : 'unknown'}`);
  }
}
