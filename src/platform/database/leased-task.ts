import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { type Duty, PeriodicTask } from '../common/periodic-task.js';
import type { Database } from './database.js';
import { columnsOf } from './columns.js';
import { Lease } from './lease.entity.js';

const LEASE = columnsOf(Lease).all();

const UNIQUE_NAME = { name: 'PRIMARY', columns: 'leases.name' };

interface LeasedTaskOptions {
  /** Name of the lease, the same in all processes. */
  lease: string;
  leaseMs: number;
  everyMs: number;
  /** Log message for a failed run. */
  fault: string;
}

/**
 * A periodic task that usually runs in one process at a time. The lease only avoids duplicate work. A stalled process may continue after
 * its lease has ended, so every step must be idempotent. A failed step is due again at the next tick.
 *
 * Guarantees: A due step is repeated until it succeeds, normally by one process at a time.
 * Condition: Every step is idempotent, or is checked again under a lock. Leases use wall clocks: processes whose clocks differ by more than
 * the lease do work twice.
 * Degrades: When the holder ends or stalls, another process continues after the lease has ended. A failed step is due again at the next
 * tick.
 */
export abstract class LeasedTask<Step> implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(this.constructor.name);
  readonly #holder = newId();
  readonly #ticks: PeriodicTask;

  constructor(
    protected readonly database: Database,
    protected readonly clock: Clock,
    duty: Duty,
    private readonly options: LeasedTaskOptions,
  ) {
    this.#ticks = new PeriodicTask(
      duty,
      options.everyMs,
      () => this.tick(),
      (error) => this.report(error),
    );
  }

  /** Returns the due steps, at most one batch. If the batch is empty, the process does not take the lease. */
  protected abstract due(now: number): Step[] | Promise<Step[]>;

  protected abstract runStep(step: Step, now: number): Promise<void>;

  /** Whether this installation needs the task. */
  protected get enabled(): boolean {
    return true;
  }

  /** Whether the task was stopped. Long steps check this between their parts. */
  protected get stopped(): boolean {
    return this.#ticks.stopped;
  }

  onApplicationBootstrap(): void {
    if (this.enabled) this.#ticks.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.#ticks.stop();
  }

  /** Runs the due steps. */
  async tick(): Promise<void> {
    const now = this.clock.now();
    const steps = await this.due(now);
    if (steps.length === 0 || !(await this.tryAcquireLease(now))) return;
    for (const step of steps) {
      if (this.stopped) return;
      await this.runStep(step, now).catch((error: unknown) => this.report(error));
    }
  }

  /** Takes or renews the lease. @returns whether this process holds it */
  private async tryAcquireLease(now: number): Promise<boolean> {
    const { lease, leaseMs } = this.options;
    const { affected } = await this.database.transaction((tx) =>
      tx.run('UPDATE leases SET holder = ?, expires_at = ? WHERE name = ? AND (holder = ? OR expires_at < ?)', [
        this.#holder,
        now + leaseMs,
        lease,
        this.#holder,
        now,
      ]),
    );
    if (affected === 1) return true;
    const there = await this.database.rows('SELECT 1 AS one FROM leases WHERE name = ?', [lease]);
    if (there.length > 0) return false;
    return this.database.insertOnce(
      (tx) => tx.run(LEASE.insert(), LEASE.values({ name: lease, holder: this.#holder, expiresAt: now + leaseMs })),
      UNIQUE_NAME,
    );
  }

  private report(error: unknown): void {
    this.#logger.warn(`${this.options.fault}: ${error instanceof Error ? error.name : 'unknown'}`);
  }
}
