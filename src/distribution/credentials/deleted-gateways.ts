import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { PeriodicTask } from '../../platform/common/periodic-task.js';
import { GatewayTokens } from './gateway-tokens.service.js';

const TICK_MS = 60_000;

/**
 * Deletes the credentials of deleted gateways. A credential stays as long as a session or a verifier may use it to report that it has
 * stopped. Several processes may run this task at the same time.
 *
 * Guarantees: The credentials of a deleted gateway are deleted after the last session and verifier that may report with them.
 * Condition: The deletion is idempotent, so that every process may run it.
 * Degrades: During an outage, credentials are deleted late. Until then they allow only reports.
 */
@Injectable()
export class DeletedGateways implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(DeletedGateways.name);
  readonly #ticks = new PeriodicTask(
    { maintains: 'the credentials of deleted gateways, which are deleted when no session or verifier can report with them any more' },
    TICK_MS,
    () => this.tokens.removeOrphaned(),
    (error) =>
      this.#logger.warn(`credentials of deleted gateways could not be removed: ${error instanceof Error ? error.name : 'unknown'}`),
  );

  constructor(private readonly tokens: GatewayTokens) {}

  onApplicationBootstrap(): void {
    this.#ticks.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.#ticks.stop();
  }
}
