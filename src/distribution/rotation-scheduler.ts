import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { Recurring } from '../common/recurring.js';
import { Database } from '../database/database.js';
import { holdLease } from '../database/lease.js';
import { dueRotations } from './rotation-rows.js';
import { RotationsService } from './rotations.service.js';

const TICK_MS = 1000;
const LEASE = 'rotations';
const LEASE_MS = 10_000;

/**
 * Takes the steps of rotations when they are due. One process at a time does it, so that several do not do the same work; that a
 * step is taken once is decided by the step itself, under the gateway's lock.
 */
@Injectable()
export class RotationScheduler implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(RotationScheduler.name);
  readonly #holder = newId();
  readonly #ticks = new Recurring(
    TICK_MS,
    () => this.tick(),
    (error) => this.report(error),
  );

  constructor(
    private readonly database: Database,
    private readonly rotations: RotationsService,
    private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    this.#ticks.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.#ticks.stop();
  }

  /** Takes every step that is due. */
  async tick(): Promise<void> {
    const due = await dueRotations(this.database, this.clock.now());
    if (due.length === 0 || !(await holdLease(this.database, LEASE, this.#holder, this.clock.now(), LEASE_MS))) return;
    for (const { signId, ...scope } of due) {
      if (this.#ticks.stopped) return;
      await this.rotations.step(scope, signId).catch((error: unknown) => this.report(error));
    }
  }

  /** The step stays due, and the next tick tries again. */
  private report(error: unknown): void {
    this.#logger.warn(`a rotation could not go on: ${error instanceof Error ? error.name : 'unknown'}`);
  }
}
